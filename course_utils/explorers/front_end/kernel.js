// In JupyterLab, voila or Colab: the kernel answers.
export default {
  render({ model, el }) {
    const view = new View(el, model.get("spec"), draw, (request) => model.send(request));
    const show = () => view.show(model.get("shown"));
    model.on("change:shown", show);
    show();
    return () => {
      model.off("change:shown", show);
      view.remove();
    };
  },
};
