// The report of a drill, a file that stands alone, judged as any page is: narrow and light, wide and dark.
//
//   node tests/pages/drill.mjs REPORT.html [PICTURES]
import path from 'node:path';
import { check, finish, judge, newBrowser } from './chromium.mjs';

const [report, pictures] = process.argv.slice(2);
for (const [width, colorScheme] of [[320, 'light'], [320, 'dark'], [1280, 'light'], [1280, 'dark']]) {
  const { context, page } = await newBrowser('http://localhost', { viewport: { width, height: 900 }, colorScheme });
  const name = `${width} ${colorScheme}`;
  const asked = [];
  page.on('request', (request) => asked.push(request.url()));
  await page.goto(`file://${path.resolve(report)}`);
  await judge(page, name);
  check(asked.length === 1, `${name}: it asks for ${asked.slice(1)}`);
  // Of each chart just one drawing is shown, and its smallest letters can be read.
  const charts = await page.evaluate(() => [...document.querySelectorAll('figure')].map((figure) => {
    const shown = [...figure.querySelectorAll(':scope > svg')].filter((svg) => svg.getBoundingClientRect().width > 0);
    const letters = shown.flatMap((svg) => [...svg.querySelectorAll('text')].map((t) => t.getBoundingClientRect().height));
    return { shown: shown.length, smallest: Math.min(...letters) };
  }));
  check(charts.length >= 5, `${name}: ${charts.length} charts`);
  check(charts.every((chart) => chart.shown === 1), `${name}: drawings shown: ${charts.map((chart) => chart.shown)}`);
  check(charts.every((chart) => chart.smallest >= 9), `${name}: letters ${charts.map((chart) => chart.smallest)}`);
  if (pictures) await page.screenshot({ path: path.join(pictures, `drill_${width}_${colorScheme}.png`), fullPage: true });
  await context.close();
}
await finish();
