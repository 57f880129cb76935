// What scripts add to pages that work without: leaving at once, "Near me", and the map, whose own
// files load when it is shown. One file, because each costs a slow line a round trip.
"use strict";

// Leave at once: by the button without a way back to this page, or by Shift pressed three times.
// Without this script the button is a plain link. After GOV.UK's "Exit this page".
(() => {
  const link = document.querySelector(".exit a");
  const TIMES = 3;
  const WITHIN_MS = 5000;
  let presses = [];

  function leave() {
    document.title = "";
    document.body.hidden = true; // the next page may be slow
    window.location.replace(link.href);
  }

  link.addEventListener("click", (event) => {
    event.preventDefault();
    leave();
  });
  document.addEventListener("keyup", (event) => {
    if (event.key !== "Shift") {
      presses = []; // Shift that wrote a capital letter
      return;
    }
    presses = [...presses, event.timeStamp].filter((time) => event.timeStamp - time < WITHIN_MS);
    if (presses.length >= TIMES) leave();
  });
  // A page that the browser kept whole would still be hidden after Back.
  window.addEventListener("pageshow", () => {
    document.body.hidden = false;
  });
})();

// "Near me" asks the browser after a click, and leads to the same question around that place.
(() => {
  const button = document.querySelector(".near-me");
  if (!button || !navigator.geolocation || !window.isSecureContext) return;
  const form = button.form;
  const said = form.querySelector(".near-said");

  function search(position) {
    const asked = new URLSearchParams(new FormData(form));
    const { q } = form.elements;
    // "detox near Denver" was asked before; now the place is another.
    if (q.value === q.defaultValue && q.value) asked.set("q", button.dataset.placeless);
    asked.delete("near");
    for (const [name, value] of [...asked]) if (!value) asked.delete(name);
    // Two decimals are about a kilometre: enough to search by, and no door.
    asked.set("lat", position.coords.latitude.toFixed(2));
    asked.set("lon", position.coords.longitude.toFixed(2));
    window.location.assign(`${form.action}?${asked}`);
  }

  function explain(error) {
    const denied = error.code === error.PERMISSION_DENIED;
    said.textContent = denied ? button.dataset.denied : button.dataset.unknown;
    button.disabled = false;
    form.elements.near.focus();
  }

  button.addEventListener("click", () => {
    said.textContent = button.dataset.asking;
    button.disabled = true;
    navigator.geolocation.getCurrentPosition(search, explain, {
      timeout: 15000,
      maximumAge: 600000,
    });
  });
  // After Back the browser may show this page as it was left.
  window.addEventListener("pageshow", () => {
    said.textContent = "";
    button.disabled = false;
  });
  button.hidden = false;
})();

// The map: beside the list where there is room, else over the page while its address ends in
// "#map", so that Back closes it.
(() => {
  const map = document.getElementById("map");
  if (!map) return;
  const columns = map.closest(".columns");
  const opener = document.querySelector(".to-map");
  const roomy = window.matchMedia("(min-width: 75rem) and (scripting: enabled)");
  let loaded = false;
  let over = false;

  function add(tag, values) {
    document.head.append(Object.assign(document.createElement(tag), values));
  }

  function load() {
    if (loaded) return;
    loaded = true;
    columns.classList.add("with-map");
    document.body.classList.add("broad");
    for (const href of map.dataset.styles.split(" ")) add("link", { rel: "stylesheet", href });
    const failed = () => {
      map.querySelector(".map-failed").textContent = map.dataset.failed;
    };
    for (const src of map.dataset.scripts.split(" ")) {
      add("script", { src, async: false, onerror: failed }); // in this order
    }
  }

  // What lies under the map cannot be reached; the way out can.
  function cover(covered) {
    document.documentElement.classList.toggle("map-open", covered);
    for (let part = map; part !== document.body; part = part.parentElement) {
      for (const other of part.parentElement.children) {
        if (other !== part && !other.matches(".exit")) other.inert = covered;
      }
    }
  }

  function follow() {
    const asked = window.location.hash === "#map";
    if (asked || (roomy.matches && columns.classList.contains("with-map"))) load();
    cover(asked && !roomy.matches);
    if (asked && !roomy.matches) map.querySelector(".map-close").focus();
    else if (over) opener.focus();
    over = asked && !roomy.matches;
  }

  map.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && !roomy.matches) window.location.hash = "results";
  });
  window.addEventListener("hashchange", follow);
  roomy.addEventListener("change", follow);
  map.hidden = false;
  opener.hidden = false;
  // The page comes first.
  if (document.readyState === "complete") follow();
  else window.addEventListener("load", follow);
})();
