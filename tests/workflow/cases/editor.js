'use strict';
// stdlib/tend.d.lua, what editors show: every global of a script is there, with its functions, and
// nothing else is.

const assert = require('node:assert');
const fs = require('node:fs');
const path = require('node:path');

const ROOT = path.join(__dirname, '..', '..', '..');
const TEXT = fs.readFileSync(path.join(ROOT, 'stdlib', 'tend.d.lua'), 'utf8');

// Lua's own, which the editor knows.
const LUAS = new Set(
  `_G _VERSION assert collectgarbage coroutine debug error getmetatable io ipairs load math next os pairs
   pcall print rawequal rawget rawlen rawset require select setmetatable string table tonumber tostring
   type utf8 xpcall`.split(/\s+/),
);

/** Names of globals and fields that the file annotates: "sleep", "state.get". */
function annotated() {
  const names = [...TEXT.matchAll(/^function ([\w.]+)\(/gm)].map((match) => match[1]);
  for (const [, name] of TEXT.matchAll(/^(\w+) = \{\}$/gm)) names.push(name);
  return new Set(names);
}

module.exports = (test) => {
  test('every global of a script is annotated, and nothing else', async (t) => {
    const project = t.project();
    project.workflow('list', `return { run = function()
      local names = json.array {}
      for name, value in pairs(_G) do
        names[#names + 1] = name
        if type(value) == "table" and value ~= _G and not getmetatable(value) then
          for field, what in pairs(value) do
            if type(what) == "function" then names[#names + 1] = name .. "." .. field end
          end
        end
      end
      return names
    end }`);
    const ended = await project.run('list');
    assert.strictEqual(ended.code, 0, ended);
    const there = ended.json.filter((name) => !LUAS.has(name.split('.')[0]));
    await project.tend(['init', 'new']);
    for (const file of [project.path('new', '.luacheckrc'), path.join(ROOT, '.luacheckrc')]) {
      const named = fs.readFileSync(file, 'utf8').match(/read_globals = \{([^}]*)\}/)[1];
      assert.deepStrictEqual(
        [...named.matchAll(/"(\w+)"/g)].map((match) => match[1]).sort(),
        there.filter((name) => !name.includes('.')).sort(),
        file,
      );
    }
    const known = [...annotated()].filter((name) => !name.startsWith('cjson.'));
    assert.deepStrictEqual(known.sort(), there.sort());
  });
};
