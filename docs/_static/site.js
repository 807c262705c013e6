// A page opened from its file may not read other files, so the search shows titles only.
if (location.protocol === "file:") DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY = false;

// An explorer in a frame says how high it is, and is told whether it is dark around it.
const frames = () => [...document.querySelectorAll(".explorer iframe")];
const isDark = () => document.documentElement.dataset.theme === "dark";
const tell = (frame) => frame.contentWindow.postMessage({ dark: isDark() }, "*");

addEventListener("message", ({ data, source }) => {
  const frame = frames().find((one) => one.contentWindow === source);
  if (!frame || !data) return;
  if (data.explorerReady) tell(frame);
  if (data.explorerHeight) frame.style.height = `${data.explorerHeight + 4}px`;
});
new MutationObserver(() => frames().forEach(tell))
  .observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] });

// On paper nothing is folded.
addEventListener("beforeprint", () => {
  for (const fold of document.querySelectorAll("details")) fold.open = true;
});

// What unfolds a part of the contents says so, and a formula too wide for the screen can be scrolled
// with the keyboard.
addEventListener("load", async () => {
  for (const fold of document.querySelectorAll("summary:has(> .toctree-toggle)")) {
    const page = fold.parentElement.previousElementSibling?.textContent ?? "";
    fold.setAttribute("aria-label", `Pages below: ${page.trim()}`);
  }
  await window.MathJax?.startup.promise;
  for (const formula of document.querySelectorAll("mjx-container")) {
    if (formula.scrollWidth > formula.clientWidth || formula.scrollHeight > formula.clientHeight) {
      formula.tabIndex = 0;
    }
  }
});
