/* Tables that ask the service for each of their pages; the cells come written by the service. */
"use strict";

document.addEventListener("DOMContentLoaded", () => {
  const { one, all, ask, widget, language } = window.pricewright;
  /* Milliseconds without a key until the service is asked. */
  const PAUSE = 120;

  const spark = (values) => {
    const known = values.filter((value) => value !== null);
    const low = Math.min(...known);
    const span = Math.max(...known) - low || 1;
    let pen = "M";
    let path = "";
    values.forEach((value, index) => {
      if (value === null) { pen = "M"; return; }
      path += `${pen}${((index / Math.max(values.length - 1, 1)) * 100).toFixed(2)} ${(22 - ((value - low) / span) * 20).toFixed(2)}`;
      pen = "L";
    });
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    svg.setAttribute("viewBox", "0 0 100 24");
    svg.setAttribute("preserveAspectRatio", "none");
    svg.setAttribute("class", "spark");
    const line = document.createElementNS("http://www.w3.org/2000/svg", "path");
    line.setAttribute("d", path);
    svg.append(line);
    return svg;
  };

  /* Nothing here becomes markup: what a shop or a competitor wrote stays text. */
  const laid_out = (kind) => (shown) => {
    const given = shown.getValue();
    if (given === null || given === undefined) return "";
    const value = typeof given === "object" ? given : { text: String(given) };
    const element = document.createElement(value.href ? "a" : "span");
    if (value.href) element.href = value.href;
    if (value.note) element.title = value.note;
    if (kind === "badge") element.className = `badge ${value.tone || "quiet"}`;
    else if (value.tone) element.className = value.tone;
    if (kind === "meter") {
      const meter = document.createElement("meter");
      meter.className = value.tone || "info";
      meter.max = 1;
      meter.value = Math.min(value.share, 1);
      meter.setAttribute("aria-label", value.text);
      element.append(meter, ` ${value.text}`);
    } else if (kind === "spark" && value.values) {
      element.setAttribute("role", "img");
      element.setAttribute("aria-label", value.text);
      element.append(spark(value.values));
    } else element.textContent = value.text;
    return element;
  };

  /* Fields of our own: those of the library write names as markup. */
  const filter_field = (column, words) => {
    if (!column.filter) return {};
    const field = (_cell, _shown, done) => {
      const element = document.createElement(column.filter === "text" ? "input" : "select");
      element.setAttribute("aria-label", words.filter.replace("{column}", column.title));
      if (column.filter !== "text") {
        element.append(new Option(words.any, ""));
        for (const [value, name] of Object.entries(column.filter)) element.append(new Option(name, value));
      }
      let waiting;
      element.addEventListener(column.filter === "text" ? "input" : "change", () => {
        clearTimeout(waiting);
        waiting = setTimeout(() => done(element.value), column.filter === "text" ? PAUSE : 0);
      });
      return element;
    };
    return { headerFilter: field, headerFilterLiveFilter: false };
  };
  const titled = (shown) => document.createTextNode(shown.getValue());

  const column_of = (words) => (column) => ({
    field: column.field,
    title: column.title,
    titleFormatter: titled,
    minWidth: column.width,
    widthGrow: column.kind === "text" ? 2 : 1,
    frozen: column.pinned,
    responsive: column.priority,
    headerSort: column.sortable,
    hozAlign: column.kind === "number" ? "right" : "left",
    headerHozAlign: column.kind === "number" ? "right" : "left",
    formatter: laid_out(column.kind),
    ...filter_field(column, words),
  });

  widget("[data-table]", (element) => {
    const asked = JSON.parse(element.dataset.table);
    const words = { first: "«", prev: "‹", next: "›", last: "»", ...asked.words };
    const search = one("[data-search]", element);
    const count = one("[data-count]", element);
    const placeholder = document.createElement("div");
    placeholder.append(one("[data-empty]", element).content.cloneNode(true));

    const address = ({ page, size, sort, filter }) => {
      const query = new URLSearchParams({ page, size });
      if (sort?.length) query.set("sort", `${sort[0].dir === "desc" ? "-" : ""}${sort[0].field}`);
      for (const { field, value } of filter || []) if (value !== "") query.set(`filter.${field}`, value);
      if (search?.value.trim()) query.set("q", search.value.trim());
      return `${asked.url}?${query}`;
    };
    const by = asked.sort.replace(/^-/, "");
    const table = new Tabulator(one("[data-rows]", element), {
      ajaxURL: asked.url,
      ajaxRequestFunc: async (_url, _config, params) => {
        element.setAttribute("aria-busy", "true");
        try {
          const answer = await ask(address(params));
          count.textContent = words.count.replace("{count}", new Intl.NumberFormat(language).format(answer.last_row));
          return answer;
        } catch (error) {
          count.textContent = error.message;
          return { last_page: 1, last_row: 0, data: [] };
        } finally {
          element.setAttribute("aria-busy", "false");
        }
      },
      columns: asked.columns.map(column_of(words)),
      layout: "fitColumns",
      responsiveLayout: "hide",
      pagination: true,
      paginationElement: one("[data-pages]", element),
      paginationMode: "remote",
      paginationSize: asked.size,
      paginationButtonCount: matchMedia("(max-width: 36rem)").matches ? 3 : 5,
      sortMode: "remote",
      filterMode: "remote",
      initialSort: by ? [{ column: by, dir: asked.sort.startsWith("-") ? "desc" : "asc" }] : [],
      headerSortTristate: true,
      columnDefaults: { headerSortTristate: true },
      dataLoader: false,
      placeholder,
      selectableRows: false,
      locale: language,
      langs: { [language]: { pagination: words } },
      rowFormatter: (row) => {
        const shown = row.getElement();
        shown.tabIndex = 0;
        shown.classList.toggle("leads", Boolean(row.getData().href));
      },
    });
    table.on("tableBuilt", () => {
      const grid = one(".tabulator", element);
      grid.setAttribute("aria-label", asked.label);
      // The rows themselves take the focus; a grid may hold nothing else that does.
      one(".tabulator-tableholder", grid).removeAttribute("tabindex");
    });
    // The library draws all rows anew when the table comes into view, and the focus would be lost.
    let focused = null;
    table.on("renderStarted", () => {
      const row = document.activeElement.closest(".tabulator-row");
      focused = row && element.contains(row) ? table.getRow(row).getIndex() : null;
    });
    table.on("renderComplete", () => {
      const row = focused === null ? false : table.getRow(focused);
      if (row) row.getElement().focus({ preventScroll: true });
      focused = null;
    });
    table.on("rowClick", (event, row) => {
      const { href } = row.getData();
      if (href && !event.target.closest("a, button, input")) location.assign(href);
    });
    element.addEventListener("keydown", (event) => {
      const row = event.target.closest(".tabulator-row");
      if (row && event.key === "Enter" && event.target === row) {
        const { href } = table.getRow(row).getData();
        if (href) location.assign(href);
      }
    });
    let waiting;
    search?.addEventListener("input", () => {
      clearTimeout(waiting);
      waiting = setTimeout(() => table.setPage(1), PAUSE);
    });
    element.reload = () => table.setData();
  });

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, select, textarea, dialog")) return;
    const step = { j: 1, k: -1, ArrowDown: 1, ArrowUp: -1 }[event.key];
    const rows = all(".tabulator-row");
    const at = rows.indexOf(event.target.closest(".tabulator-row"));
    if (!step || !rows.length || (at < 0 && event.key.startsWith("Arrow"))) return;
    event.preventDefault();
    rows[Math.min(Math.max(at + step, 0), rows.length - 1)].focus();
  });
});
