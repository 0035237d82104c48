"use strict";
// The page is complete without this: it adds filter, search, sort and copying to what is there. It reads the page's own
// text alone, writes text alone, and what it hides is hidden on the screen and never on paper.
(() => {
  const make = (tag, text, attributes = {}) => {
    const made = document.createElement(tag);
    made.textContent = text;
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    return made;
  };

  const table = document.querySelector("table[data-servers]");
  if (table && table.tBodies[0].rows.length > 1) {
    const body = table.tBodies[0];
    const rows = Array.from(body.rows, (row, at) => {
      const link = row.querySelector("th a");
      return {
        row, at,
        section: link && document.getElementById(link.hash.slice(1)),
        text: row.textContent.toLowerCase(),
        verdict: row.dataset.verdict,
      };
    });
    const heads = Array.from(table.tHead.rows[0].cells);
    const bar = make("div", "", { class: "tools", role: "search" });
    const field = (name, control) => {
      const label = make("label", name + " ");
      label.append(control);
      bar.append(label);
      return control;
    };
    const search = field("Search", make("input", "", { type: "search", autocomplete: "off", spellcheck: "false" }));
    const choice = field(table.dataset.servers, make("select", ""));
    choice.append(make("option", "all", { value: "" }));
    const counts = new Map();
    for (const { verdict } of rows) counts.set(verdict, (counts.get(verdict) || 0) + 1);
    for (const [verdict, count] of counts) choice.append(make("option", verdict + " (" + count + ")", { value: verdict }));
    const order = field("Sort by", make("select", ""));
    order.append(make("option", "worst first", { value: "-1" }));
    heads.forEach((head, at) => order.append(make("option", head.textContent.toLowerCase(), { value: String(at) })));
    const said = make("p", "", { role: "status", class: "soft" });
    bar.append(said);

    const filter = () => {
      const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
      let shown = 0;
      for (const each of rows) {
        const fits = (!choice.value || each.verdict === choice.value) && words.every((word) => each.text.includes(word));
        shown += fits;
        each.row.classList.toggle("away", !fits);
        if (each.section) each.section.classList.toggle("away", !fits);
      }
      said.textContent = shown + " of " + rows.length + " servers";
    };
    const collator = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" });
    const sort = () => {
      const column = Number(order.value);
      const ordered = rows.slice();
      if (column >= 0) {
        const name = (each) => each.row.cells[column].textContent;
        const keys = new Map(rows.map((each) => [each, heads[column].hasAttribute("data-ranked") ? "" : name(each)]));
        ordered.sort((one, other) => collator.compare(keys.get(one), keys.get(other)) || one.at - other.at);
      }
      heads.forEach((head, at) => {
        if (at === column) head.setAttribute("aria-sort", "ascending");
        else head.removeAttribute("aria-sort");
      });
      body.append(...ordered.map((each) => each.row));
    };
    heads.forEach((head, at) => {
      const button = make("button", head.textContent, { type: "button" });
      button.addEventListener("click", () => {
        order.value = order.value === String(at) ? "-1" : String(at);
        sort();
      });
      head.replaceChildren(button);
    });
    search.addEventListener("input", filter);
    choice.addEventListener("change", filter);
    order.addEventListener("change", sort);
    table.before(bar);
    filter();
  }

  const copied = async (code) => {
    try {
      await navigator.clipboard.writeText(code.textContent);
      return true;
    } catch {
      getSelection().selectAllChildren(code);
      return document.execCommand("copy");
    }
  };
  for (const code of document.querySelectorAll("code.command")) {
    const button = make("button", "Copy", { type: "button", class: "copy" });
    button.addEventListener("click", async () => {
      button.textContent = (await copied(code)) ? "Copied" : "Selected: copy it";
    });
    code.after(" ", button);
  }
})();
