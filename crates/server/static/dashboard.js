// The dashboard's own script: copying, counting what is selected, moving through a table by keys, saying what changed. Every page works without it.
"use strict";
(() => {
  const say = (text) => {
    const live = document.getElementById("live");
    const toast = document.getElementById("toast");
    if (live) live.textContent = text;
    if (toast) {
      toast.textContent = text;
      clearTimeout(say.timer);
      say.timer = setTimeout(() => { toast.textContent = ""; }, 2500);
    }
  };

  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy]");
    if (!button) return;
    const source = document.getElementById(button.dataset.copy);
    try {
      await navigator.clipboard.writeText(source.value);
      say("Copied");
    } catch {
      source.hidden = false;
      source.removeAttribute("aria-hidden");
      source.focus();
      source.select();
      say("Selected: press Ctrl+C to copy");
    }
  });

  const picks = () => Array.from(document.querySelectorAll("#table input[name=id]"));
  const count = () => {
    const picked = document.getElementById("picked");
    const all = document.getElementById("all");
    if (!picked || !all) return;
    const chosen = picks().filter((box) => box.checked).length;
    all.hidden = false;
    all.checked = chosen > 0 && chosen === picks().length;
    all.indeterminate = chosen > 0 && !all.checked;
    picked.textContent = chosen === 0 ? "Select all on this page" : `${chosen} selected`;
    document.querySelectorAll(".bulk button[name=do]").forEach((button) => { button.disabled = chosen === 0; });
  };
  document.addEventListener("change", (event) => {
    if (event.target.id === "all") picks().forEach((box) => { box.checked = event.target.checked; });
    if (event.target.matches("#all, #table input[name=id]")) count();
  });

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input:not([type=checkbox]), select, textarea")) return;
    if (event.key === "/") {
      const search = document.getElementById("q");
      if (search) { event.preventDefault(); search.focus(); }
      return;
    }
    if (!["j", "k", "x"].includes(event.key)) return;
    const rows = Array.from(document.querySelectorAll("#table tbody tr"));
    if (rows.length === 0) return;
    const at = rows.indexOf(document.activeElement?.closest("tr"));
    if (event.key === "x") {
      rows[at]?.querySelector("input[name=id]")?.click();
      return;
    }
    const next = rows[Math.max(0, Math.min(rows.length - 1, at + (event.key === "j" ? 1 : -1)))];
    next.querySelector("th a")?.focus();
  });

  document.addEventListener("htmx:afterSettle", () => {
    count();
    const says = document.getElementById("says");
    const live = document.getElementById("live");
    if (says && live) live.textContent = says.textContent;
  });
  document.addEventListener("htmx:responseError", (event) => {
    if (event.detail.xhr.status === 401) location.reload();
    else say("The server did not answer as expected; reload the page");
  });
  document.addEventListener("htmx:sendError", () => say("The server cannot be reached"));
  count();
})();
