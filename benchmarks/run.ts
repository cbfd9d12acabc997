/** `npm run bench`: the same as `galton bench`. */
process.argv.splice(2, 0, "bench");
await import(new URL("../src/cli/main.js", import.meta.url).href);
