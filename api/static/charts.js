// Draws each chart anew, so that it tells its numbers to a pointer and can be saved.
// "ast" interprets expressions: the page's policy forbids to make code from text.
for (const place of document.querySelectorAll("figure > div")) {
  const drawn = document.createElement("div");
  const actions = { export: true, source: false, compiled: false, editor: false };
  const spec = JSON.parse(place.querySelector("script").textContent);
  vegaEmbed(drawn, spec, {
    actions,
    ast: true,
    defaultStyle: false,
    downloadFileName: "comparison",
    renderer: "svg",
    scaleFactor: { png: 3 },
    tooltip: { disableDefaultStyle: true },
  }).then(() => place.replaceChildren(drawn));
}
