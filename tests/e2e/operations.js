'use strict';
// The GraphQL documents that tend sends, read out of the Lua module that holds them; and those of a
// folder of .graphql files, where TEND_RAILWAY_OPERATIONS names one.

const fs = require('node:fs');
const path = require('node:path');

const MODULE = path.join(__dirname, '..', '..', 'stdlib', 'railway_operations.lua');

function ofModule() {
  const text = fs.readFileSync(MODULE, 'utf8');
  return Object.fromEntries(
    [...text.matchAll(/^\s*(\w+) = \[\[\n?([\s\S]*?)\]\]/gm)].map(([, name, document]) => [
      name,
      document,
    ]),
  );
}

function ofFolder(folder) {
  return Object.fromEntries(
    fs
      .readdirSync(folder)
      .filter((file) => file.endsWith('.graphql'))
      .map((file) => [
        path.basename(file, '.graphql'),
        fs.readFileSync(path.join(folder, file), 'utf8'),
      ]),
  );
}

module.exports = { ofModule, ofFolder };
