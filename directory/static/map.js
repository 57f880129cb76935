// The map of a page of results: pins for doors, circles for places that are only known about.
"use strict";
(() => {
  const side = document.getElementById("map");
  const texts = side.dataset;
  const preview = side.querySelector(".map-card");
  const areaButton = side.querySelector(".map-area");
  const roomy = window.matchMedia("(min-width: 75rem) and (scripting: enabled)");
  const still = window.matchMedia("(prefers-reduced-motion: reduce)").matches;

  const AREA_M = 2500; // how far off the middle of a town or postal code may be
  const CLOSEST_FIT = 12;
  const METRES_A_DEGREE = 111320;

  const map = L.map(side.querySelector(".map"), {
    attributionControl: false,
    zoomControl: false,
    minZoom: 3,
    maxZoom: texts.tiles ? 18 : 14,
    worldCopyJump: true,
    zoomAnimation: !still,
    fadeAnimation: !still,
    markerZoomAnimation: !still,
    inertia: !still,
  });
  L.control.zoom({ zoomInTitle: texts.in, zoomOutTitle: texts.out }).addTo(map);
  new ResizeObserver(() => map.invalidateSize()).observe(map.getContainer());

  // --- Places: each marker belongs to the card of the same listing ---

  const markers = new Map();
  const clusters = L.markerClusterGroup({
    animate: !still,
    showCoverageOnHover: false,
    maxClusterRadius: 44,
    spiderLegPolylineOptions: { className: "spider" },
    iconCreateFunction: (cluster) => {
      const count = cluster.getChildCount();
      const face = element("span", "group");
      face.append(hidden(element("span", "", count)));
      face.append(element("span", "sr", texts.group.replace("{count}", count)));
      return L.divIcon({ html: face, className: "spot", iconSize: [40, 40] });
    },
  });

  function cardOf(id) {
    return document.getElementById(`at-${id}`);
  }

  function pin(place) {
    const face = element("span", "pin");
    face.innerHTML =
      '<svg viewBox="0 0 30 38" width="30" height="38" aria-hidden="true"><path class="drop" ' +
      'd="M15 37S28 24.600 28 14.500a13 13 0 0 0-26 0C2 24.600 15 37 15 37Z"/>' +
      '<svg class="glyph" x="7" y="6.500" width="16" height="16">' +
      `<use href="${texts.icons}#${place.kind}"/></svg></svg>`;
    face.append(element("span", "name", place.name));
    return { html: face, className: "spot", iconSize: [30, 38], iconAnchor: [15, 37] };
  }

  function area(place, latitude) {
    const face = element("span", "area");
    const name = texts.somewhere.replace("{name}", place.name);
    face.append(element("span", "name", name));
    const metresAPixel = 156543 * Math.cos((latitude * Math.PI) / 180) / 2 ** map.getZoom();
    const size = Math.max(28, (2 * AREA_M) / metresAPixel);
    return { html: face, className: "spot about", iconSize: [size, size] };
  }

  function iconOf(place, latitude) {
    const options = place.precision === "approximate" ? area(place, latitude) : pin(place);
    options.html.dataset.id = place.id;
    return L.divIcon(options);
  }

  function mark(feature) {
    const [longitude, latitude] = feature.geometry.coordinates;
    const place = feature.properties;
    const about = place.precision === "approximate";
    const marker = L.marker([latitude, longitude], {
      icon: iconOf(place, latitude),
      zIndexOffset: about ? -1000 : 0,
      riseOnHover: !about,
    });
    marker.on("click", () => lead(place.id));
    if (about) {
      map.on("zoomend", () => marker.setIcon(iconOf(place, latitude)));
    }
    markers.set(place.id, marker);
    return marker;
  }

  // A card that has the focus or the mouse shows where it is, and a marker which card is its.
  let lit = [];

  function light(id) {
    for (const part of lit) part.classList.remove("on");
    const marker = markers.get(id);
    const shown = marker && (clusters.getVisibleParent(marker) || marker);
    lit = marker ? [shown.getElement(), cardOf(id)].filter(Boolean) : [];
    for (const part of lit) part.classList.add("on");
  }

  const results = document.getElementById("results");

  function idOf(part) {
    const face = part.closest(".spot")?.querySelector("[data-id]");
    const near = part.closest(".map-card")?.dataset.id;
    return part.closest('[id^="at-"]')?.id.slice(3) ?? face?.dataset.id ?? near;
  }

  for (const name of ["mouseover", "focusin"]) {
    results.addEventListener(name, (event) => {
      light(idOf(event.target) ?? idOf(document.activeElement));
    });
  }

  function lead(id) {
    light(id);
    const card = cardOf(id);
    if (!roomy.matches) {
      peek(card);
      return;
    }
    const others = card.closest("details");
    if (others) others.open = true;
    card.scrollIntoView({ block: "center", behavior: still ? "auto" : "smooth" });
    card.querySelector("a").focus({ preventScroll: true });
  }

  // On a phone the list is under the map: the card comes to the map.
  function peek(card) {
    const parts = [...card.querySelectorAll(".card-top, h3, .where, .reach, .card-end")];
    const whole = parts.length ? parts : [...card.childNodes]; // one of several under a card
    preview.replaceChildren(...whole.map((part) => part.cloneNode(true)));
    preview.dataset.id = card.id.slice(3);
    preview.hidden = false;
    preview.querySelector("a").focus({ preventScroll: true });
  }

  map.on("click", () => {
    preview.hidden = true;
    light();
  });

  // Leaflet makes markers buttons that no key presses.
  side.addEventListener("keydown", (event) => {
    const spot = event.target.closest(".spot");
    if (!spot || (event.key !== "Enter" && event.key !== " ")) return;
    event.preventDefault();
    if (!spot.querySelector("[data-id]")) map.getContainer().focus(); // a group comes apart
    spot.click();
  });

  // --- Another place to search ---

  function offerArea() {
    const start = { centre: map.getCenter(), zoom: map.getZoom() };
    map.on("moveend", () => {
      const moved = map.latLngToContainerPoint(start.centre).distanceTo(map.getSize().divideBy(2));
      areaButton.hidden = map.getZoom() === start.zoom && moved < 40;
    });
  }

  areaButton.addEventListener("click", () => {
    const centre = map.getCenter().wrap();
    const view = map.getBounds();
    const high = (view.getNorth() - view.getSouth()) * METRES_A_DEGREE;
    const broad = map.distance([centre.lat, view.getWest()], [centre.lat, view.getEast()]);
    const radius = Math.round(Math.max(high, broad) / 2 / texts.unit);
    const place = new URLSearchParams({
      lat: centre.lat.toFixed(2),
      lon: centre.lng.toFixed(2),
      radius: Math.min(500, Math.max(1, radius)),
    });
    const joint = texts.elsewhere.includes("?") ? "&" : "?";
    window.location.assign(`${texts.elsewhere}${joint}${place}${window.location.hash}`);
  });

  async function begin() {
    const { features } = await read(texts.points);
    const shown = features.filter((one) => one.geometry && cardOf(one.id));
    const inside = shown.filter((one) => !one.properties.beyond);
    const seen = inside.length ? inside : shown;
    const spots = seen.map(({ geometry }) => geometry.coordinates.slice().reverse());
    if (texts.lat) spots.push([texts.lat, texts.lon]);
    const fit = { padding: [36, 44], maxZoom: CLOSEST_FIT, animate: false };
    map.fitBounds(L.latLngBounds(spots), fit);
    if (texts.lat) {
      const reach = { radius: +texts.radius, className: "reach", interactive: false };
      L.circle([texts.lat, texts.lon], reach).addTo(map);
    }
    clusters.addLayers(shown.map(mark)).addTo(map);
    offerArea();
    drawGround(map, texts, clusters);
  }

  begin().catch(() => {
    side.querySelector(".map-failed").textContent = texts.failed;
  });
})();
