// DuckDB's answer to the question of preview_bench.cpp: for each measure and district, how many persons and how many
// lines with each operator. Usage: node preview.mjs QUESTION.json; prints one JSON object.
//
// Two ways to ask are timed and the faster counts: one pass with a FILTER for each sum, and a first grouping by all
// that the rules tell apart, which leaves few rows to sum up.
import { readFileSync, writeFileSync } from 'node:fs';
import { DuckDBInstance } from '@duckdb/node-api';

const question = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const { csv, statuses, layers, measures, threads, runs, answer } = question;

const instance = await DuckDBInstance.create(':memory:', { threads: String(threads) });
const db = await instance.connect();

const types = ['district: \'USMALLINT\'', 'place: \'USMALLINT\'', 'birth: \'INTEGER\'', 'alive: \'BOOLEAN\'', 'status: \'UINTEGER\'',
  ...layers.map((name) => `${name}: 'UTINYINT'`)];
const flags = statuses.map((name, bit) => `(status & ${1 << bit}) <> 0 as ${name}`);
const loaded = performance.now();
// The rows come sorted as Dayaq keeps them: by district, settlement, birth.
await db.run(`create table persons as select district, place, birth, alive, ${[...flags, ...layers].join(', ')}
  from read_csv('${csv}', header = false, columns = {${types.join(', ')}})`);
const load_s = (performance.now() - loaded) / 1000;

const wide = `select district, ${measures.map((m, i) => [
  `count(*) filter (where alive and (${m.rule})) as m${i}`,
  ...m.layers.map((l) => `coalesce(sum(${layers[l]}) filter (where alive and (${m.rule})), 0) as m${i}_${l}`),
].join(', ')).join(', ')}, count(*) filter (where alive and (${measures.map((m) => `(${m.rule})`).join(' or ')})) as reached
  from persons group by district order by district`;

const sums = layers.map((name) => `sum(${name}) as ${name}`).join(', ');
const told_apart = measures.map((m, i) => `(${m.rule}) as r${i}`).join(', ');
const grouped = `with groups as (select district, ${told_apart}, count(*) as persons, ${sums}
    from persons where alive group by all)
  select district, ${measures.map((m, i) => [
    `coalesce(sum(persons) filter (where r${i}), 0) as m${i}`,
    ...m.layers.map((l) => `coalesce(sum(${layers[l]}) filter (where r${i}), 0) as m${i}_${l}`),
  ].join(', ')).join(', ')}, coalesce(sum(persons) filter (where ${measures.map((m, i) => `r${i}`).join(' or ')}), 0) as reached
  from groups group by district order by district`;

async function time(sql) {
  await db.runAndReadAll(sql);
  const times = [];
  for (let i = 0; i < runs; ++i) {
    const start = performance.now();
    await db.runAndReadAll(sql);
    times.push(performance.now() - start);
  }
  return times.sort((a, b) => a - b)[Math.floor(runs / 2)];
}
const wide_ms = await time(wide);
const grouped_ms = await time(grouped);

const rows = (await db.runAndReadAll(wide_ms < grouped_ms ? wide : grouped)).getRows();
writeFileSync(answer, rows.map((row) => row.map(String).join(' ')).join('\n') + '\n');
const version = (await db.runAndReadAll('select version()')).getRows()[0][0];
console.log(JSON.stringify({ version, load_s, wide_ms, grouped_ms, median_ms: Math.min(wide_ms, grouped_ms) }));
