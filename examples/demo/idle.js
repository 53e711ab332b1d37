'use strict';
// A program that does nothing much: it stands for the services of the demo that are well.
setInterval(() => {}, 1000);
