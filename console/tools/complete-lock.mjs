// Completes package-lock.json with the builds of packages for other platforms: npm leaves out
// those that a registry does not serve, and `npm ci` then refuses the file. Run after each change
// of the dependencies: node tools/complete-lock.mjs
import { readFile, writeFile } from "node:fs/promises";

const FILE = new URL("../package-lock.json", import.meta.url);
const SYSTEMS = ["aix", "android", "darwin", "freebsd", "linux", "netbsd", "openbsd", "openharmony", "sunos", "win32"];
const PROCESSORS = ["arm64", "arm", "ia32", "loong64", "mips64el", "ppc64", "riscv64", "s390x", "wasm32", "x64"];

/** What a name such as `@x/y-linux-x64-musl` says about where it runs. */
function platform(name) {
  const words = name.split("/").at(-1).split("-");
  const os = SYSTEMS.filter((one) => words.includes(one));
  const cpu = PROCESSORS.filter((one) => words.includes(one));
  const libc = words.includes("musl") ? ["musl"] : words.some((w) => /^gnu/.test(w)) ? ["glibc"] : [];
  return { ...(os.length && { os }), ...(cpu.length && { cpu }), ...(os.includes("linux") && libc.length && { libc }) };
}

const lock = JSON.parse(await readFile(FILE, "utf8"));
const added = {};
for (const [path, entry] of Object.entries(lock.packages)) {
  for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
    const own = `${path}/node_modules/${name}`;
    const shared = `node_modules/${name}`;
    const where = platform(name);
    if (lock.packages[own] || lock.packages[shared] || !(where.os || where.cpu)) continue;
    if (!/^\d/.test(version)) throw new Error(`${path} asks for ${name}@${version}, which is no one version`);
    added[shared] = { version, ...where, ...(entry.dev && { dev: true }), license: entry.license, optional: true };
  }
}
const all = { ...lock.packages, ...added };
const { "": root, ...others } = all;
const sorted = Object.entries(others).sort(([a], [b]) => (a < b ? -1 : 1));
lock.packages = { "": root, ...Object.fromEntries(sorted) };
await writeFile(FILE, `${JSON.stringify(lock, null, 2)}\n`);
console.log(`${Object.keys(added).length} packages of other platforms were added`);
