'use strict';
// What the shop sells: 200 coffees, made from their parts so that the list needs no file.

const ORIGINS = [
  'Huehuetenango',
  'Yirgacheffe',
  'Antigua',
  'Sidamo',
  'Kirinyaga',
  'Nariño',
  'Tarrazú',
  'Mandheling',
  'Cerrado',
  'Chiapas',
];
const ROASTS = ['light', 'medium', 'dark', 'espresso', 'filter'];
const SIZES = [250, 500, 1000, 2500];

const products = [];
for (const origin of ORIGINS) {
  for (const roast of ROASTS) {
    for (const grams of SIZES) {
      products.push({
        id: products.length + 1,
        name: `${origin}, ${roast}, ${grams} g`,
        origin,
        roast,
        grams,
        cents: Math.round(grams * (2.1 + ROASTS.indexOf(roast) * 0.15)),
        description: `Single origin from ${origin}, ${roast} roast, in a bag of ${grams} g.`,
      });
    }
  }
}

function all() {
  return products;
}

function find(id) {
  return products.find((product) => product.id === id);
}

module.exports = { all, find };
