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
  const COUNTIES_FROM = 7; // zoom
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

  async function read(url) {
    const answer = await fetch(url);
    if (!answer.ok) throw new Error(answer.statusText);
    return answer.json();
  }

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

  function element(tag, className, text = "") {
    return Object.assign(document.createElement(tag), { className, textContent: text });
  }

  function hidden(part) {
    part.setAttribute("aria-hidden", "true");
    return part;
  }

  function cardOf(id) {
    return document.getElementById(`at-${id}`);
  }

  function pin(place) {
    const face = element("span", "pin");
    face.innerHTML =
      '<svg viewBox="0 0 30 38" width="30" height="38" aria-hidden="true"><path class="drop" ' +
      'd="M15 37S28 24.600 28 14.500a13 13 0 0 0-26 0C2 24.600 15 37 15 37Z"/>' +
      `<svg class="glyph" x="7" y="6.500" width="16" height="16"><use href="${texts.icons}#${place.kind}"/></svg></svg>`;
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
    return part.closest('[id^="at-"]')?.id.slice(3) ?? face?.dataset.id;
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
    const parts = card.querySelectorAll(":scope > .card-top, :scope > h3, :scope > .where, :scope > .card-acts");
    preview.replaceChildren(...[...(parts.length ? parts : card.childNodes)].map((part) => part.cloneNode(true)));
    preview.hidden = false;
    preview.querySelector("a").focus({ preventScroll: true });
  }

  map.on("click", () => {
    preview.hidden = true;
  });

  // Leaflet makes markers buttons that no key presses.
  side.addEventListener("keydown", (event) => {
    const spot = event.target.closest(".spot");
    if (!spot || (event.key !== "Enter" && event.key !== " ")) return;
    event.preventDefault();
    if (!spot.querySelector("[data-id]")) map.getContainer().focus(); // a group comes apart
    spot.click();
  });

  // --- What is under them ---

  const below = map.createPane("outlines");
  below.style.zIndex = 200;
  const renderer = L.svg({ pane: "outlines", padding: 0.5 });

  function outline(feature, className) {
    return L.geoJSON(feature, {
      style: { className, renderer, pane: "outlines", weight: 1 },
      interactive: false,
    });
  }

  async function drawCountries() {
    const world = await read(texts.world);
    const countries = topojson.feature(world, world.objects.countries);
    countries.features = countries.features.filter((country) => country.id !== "840");
    outline(countries, "country").addTo(map).bringToBack();
  }

  async function drawStates() {
    const us = await read(texts.states);
    const states = outline(topojson.feature(us, us.objects.states), "state").addTo(map);
    const counties = L.layerGroup();
    const asked = new Set();
    async function drawCounties() {
      if (map.getZoom() < COUNTIES_FROM) {
        counties.remove();
        return;
      }
      counties.addTo(map);
      const view = map.getBounds();
      for (const state of states.getLayers()) {
        const id = state.feature.id;
        const bounds = state.getBounds();
        // Alaska lies on both sides of the map's edge.
        const wide = bounds.getEast() - bounds.getWest() > 180;
        const seen = wide ? view.getNorth() > 51 && view.getWest() < -129 : bounds.intersects(view);
        if (!seen || asked.has(id)) continue;
        asked.add(id);
        read(`${texts.counties}${id}.json`).then((found) => {
          counties.addLayer(outline(topojson.feature(found, found.objects.lines), "county"));
        }, () => asked.delete(id));
      }
    }
    map.on("moveend", drawCounties);
    drawCounties();
  }

  // Names of towns, the largest first, where there is room for them.
  const names = map.createPane("towns");
  names.style.zIndex = 350;
  hidden(names);
  const labels = L.layerGroup().addTo(map);
  let latest = 0;
  let known = [];

  async function drawTowns() {
    if (!map.getSize().x) return; // closed
    const order = (latest += 1);
    const view = map.getBounds().pad(0.1);
    const box = new URLSearchParams({
      west: Math.max(-180, view.getWest()).toFixed(2),
      south: Math.max(-90, view.getSouth()).toFixed(2),
      east: Math.min(180, view.getEast()).toFixed(2),
      north: Math.min(90, view.getNorth()).toFixed(2),
    });
    const { towns } = await read(`${texts.towns}?${box}`);
    if (order !== latest) return;
    known = towns;
    placeTowns();
  }

  function placeTowns() {
    labels.clearLayers();
    const spots = [...map.getPane("markerPane").children].map(roomOf);
    const taken = [...spots];
    for (const town of known) {
      const large = town.population >= 100000;
      const at = map.latLngToLayerPoint([town.lat, town.lon]);
      const wide = town.name.length * (large ? 8 : 6.7);
      // Right of the town, left, below or above; where a marker lies on it, beside the marker.
      const under = spots.some((spot) => spot.contains(at));
      const dot = L.bounds(at.subtract([3, 3]), at.add([3, 3]));
      if (!under && taken.some((other) => other.overlaps(dot))) continue;
      const gap = under ? 25 : 7;
      const corners = [
        [gap, -8],
        [-gap - wide, -8],
        [-wide / 2, gap - 3],
        [-wide / 2, -gap - 13],
      ];
      const roomAt = (corner) => L.bounds(at.add(corner), at.add(corner).add([wide, 16]));
      const corner = corners.find((one) => !taken.some((other) => other.overlaps(roomAt(one))));
      if (!corner) continue;
      taken.push(roomAt(corner), dot);
      const name = element("span", "", town.name);
      name.style.translate = `${corner[0]}px ${corner[1]}px`;
      name.style.width = `${wide}px`;
      name.style.textAlign = ["left", "right"][corners.indexOf(corner)] ?? "center";
      const className = large ? "town large" : "town";
      const icon = L.divIcon({ html: name, className, iconSize: null });
      const options = { icon, pane: "towns", interactive: false, keyboard: false };
      L.marker([town.lat, town.lon], options).addTo(labels);
    }
  }

  // What a marker covers; a circle has room for a name.
  function roomOf(spot) {
    const at = L.DomUtil.getPosition(spot);
    if (spot.querySelector(".area")) return L.bounds(at, at);
    const [wide, high, low] = spot.querySelector(".pin") ? [14, 36, 0] : [22, 22, 22];
    return L.bounds(at.subtract([wide, high]), at.add([wide, low]));
  }

  // The operator's own tiles. Leaflet's layer for them empties its pictures by "data:" addresses,
  // which our pages refuse.
  const Tiles = L.GridLayer.extend({
    createTile(coordinates, done) {
      const tile = new Image();
      tile.alt = "";
      tile.onload = () => done(null, tile);
      tile.onerror = () => done(new Error("no tile"), tile);
      tile.src = L.Util.template(texts.tiles, coordinates);
      return tile;
    },
  });

  function drawGround() {
    const failed = () => {}; // the places are there without it
    if (texts.tiles) {
      new Tiles().addTo(map);
      return;
    }
    map.on("moveend", () => drawTowns().catch(failed));
    clusters.on("animationend", placeTowns);
    drawTowns().catch(failed);
    drawStates().catch(failed);
    drawCountries().catch(failed);
  }

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
    const spots = (inside.length ? inside : shown).map((one) => one.geometry.coordinates.slice().reverse());
    if (texts.lat) spots.push([texts.lat, texts.lon]);
    map.fitBounds(L.latLngBounds(spots), { padding: [36, 44], maxZoom: CLOSEST_FIT, animate: false });
    if (texts.lat) {
      L.circle([texts.lat, texts.lon], { radius: +texts.radius, className: "reach", interactive: false }).addTo(map);
    }
    clusters.addLayers(shown.map(mark)).addTo(map);
    offerArea();
    drawGround();
  }

  begin().catch(() => {
    side.querySelector(".map-failed").textContent = texts.failed;
  });
})();
