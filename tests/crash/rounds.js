'use strict';
// Playing many rounds, a few at a time: each is told when it fails, with how to play it again, and the
// last line counts them.

/**
 * `items` are played by `play(item)`, which gives how often it hit; `again(item)` says how one is
 * repeated; `sum(hits)` is the line about all of them. `futile(hits, count)`: why so few hits prove
 * nothing, or null.
 */
async function playAll({ items, atOnce, play, name, again, sum, futile = () => null }) {
  let passed = 0;
  let failed = 0;
  let hits = 0;
  const queue = [...items];
  const worker = async () => {
    while (queue.length) {
      const item = queue.shift();
      try {
        hits += await play(item);
        passed++;
      } catch (error) {
        failed++;
        console.log(`FAILED  ${name(item)}; again with:\n  ${again(item)}`);
        console.log(String(error.stack || error).replace(/^/gm, '        '));
      }
    }
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  console.log(sum(hits));
  const why = futile(hits, passed + failed);
  if (why) console.log(`FAILED  ${why}`);
  console.log(`${passed} passed, ${failed + (why ? 1 : 0)} failed`);
  process.exitCode = failed || why || !passed ? 1 : 0;
}

/** The numbers of rounds, or the only one that is asked for. */
const numbers = (only, count) => (only ? [Number(only)] : Array.from({ length: count }, (_, i) => i));

/** What a script's main() failed of, before any round. */
function failOutright(error) {
  console.log(`FAILED  a run that nothing disturbs\n${error.stack}\n0 passed, 1 failed`);
  process.exitCode = 1;
}

module.exports = { playAll, numbers, failOutright };
