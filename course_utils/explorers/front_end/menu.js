// The menu over several explorers: buttons, one of which is pressed, and what there is to try.
export default {
  render({ model, el }) {
    const choices = model.get("choices");
    const buttons = Object.keys(choices).map((name) => {
      const button = element("button", { type: "button", "data-lm-suppress-shortcuts": "true" }, name);
      button.addEventListener("click", () => {
        model.set("value", name);
        model.save_changes();
      });
      return button;
    });
    const words = element("span", { role: "status" });
    el.classList.add("course-explorer", "explorers-menu");
    el.append(element("div", { class: "menu", role: "group", "aria-label": model.get("label") }, ...buttons),
      element("p", {}, element("strong", {}, "Try: "), words));
    const show = () => {
      const value = model.get("value");
      buttons.forEach((button) => button.setAttribute("aria-pressed", button.textContent === value));
      words.textContent = choices[value];
    };
    const sizes = new ResizeObserver(() => {
      el.classList.toggle("narrow", el.clientWidth < NARROW);
      el.classList.toggle("wide", el.clientWidth >= WIDE);
    });
    sizes.observe(el);
    model.on("change:value", show);
    const themeLeft = followTheme(el, () => {});
    show();
    return () => {
      model.off("change:value", show);
      sizes.disconnect();
      themeLeft();
    };
  },
};
