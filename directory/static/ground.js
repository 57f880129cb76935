// What lies under the places of a map: outlines and the names of towns, or the operator's tiles.
"use strict";

const COUNTIES_FROM = 7; // zoom

function element(tag, className, text = "") {
  return Object.assign(document.createElement(tag), { className, textContent: text });
}

function hidden(part) {
  part.setAttribute("aria-hidden", "true");
  return part;
}

async function read(url) {
  const answer = await fetch(url);
  if (!answer.ok) throw new Error(answer.statusText);
  return answer.json();
}

// Draws it, and again whenever the map has moved. ``texts`` are the data of the map's section, and
// ``clusters`` the markers, which names of towns keep clear of.
function drawGround(map, texts, clusters) {
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

  const failed = () => {}; // the places are there without it
  if (texts.tiles) {
    // Closer than the file goes, its last pictures are enlarged.
    new Tiles(texts.deepest ? { maxNativeZoom: +texts.deepest } : {}).addTo(map);
    return;
  }
  map.on("moveend", () => drawTowns().catch(failed));
  clusters.on("animationend", placeTowns);
  drawTowns().catch(failed);
  drawStates().catch(failed);
  drawCountries().catch(failed);
}
