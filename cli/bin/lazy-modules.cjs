"use strict";
// Two modules that @pulumi/pulumi loads at once and this project never uses through it: the TypeScript compiler and
// npm's dependency solver, both for functions that are sent elsewhere to run (Lambdas, dynamic providers). They are
// more than half of what loading the SDK costs, so here they are loaded at their first use, if there is one.
const Module = require("node:module");
const path = require("node:path");

const lazy = new Set(["typescript", "@npmcli/arborist"]);
const sdk = `${path.sep}node_modules${path.sep}@pulumi${path.sep}pulumi${path.sep}`;
const load = Module._load;

Module._load = function (request, parent, isMain) {
  if (!lazy.has(request) || !parent?.filename?.includes(sdk)) return load.call(this, request, parent, isMain);
  let loaded;
  const real = () => (loaded ??= load.call(this, request, parent, isMain));
  return new Proxy(function () {}, {
    // TypeScript's helper for `import *` takes a module that says so as it is, and copies any other.
    get: (_target, name) => (name === "__esModule" && !loaded ? true : Reflect.get(real(), name)),
    has: (_target, name) => Reflect.has(real(), name),
    apply: (_target, self, args) => Reflect.apply(real(), self, args),
    construct: (_target, args) => Reflect.construct(real(), args),
  });
};
