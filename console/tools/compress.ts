// A step of the build: writes .br and .gz beside each text file, so that the server compresses none.
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { brotliCompress, constants, gzip } from "node:zlib";
import type { Plugin } from "vite";

const TEXT = /\.(js|css|html|svg|json|map|txt)$/;
// Below this the headers weigh more than what is saved.
const BYTES_MIN = 1024;

const brotli = promisify(brotliCompress);
const zip = promisify(gzip);

async function compressed(folder: string): Promise<void> {
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) await compressed(path);
    else if (TEXT.test(entry.name)) {
      const body = await readFile(path);
      if (body.length < BYTES_MIN) continue;
      const quality = { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } };
      await writeFile(`${path}.br`, await brotli(body, quality));
      await writeFile(`${path}.gz`, await zip(body, { level: 9 }));
    }
  }
}

/** Compresses the files of `folder` once they are all written. */
export function compress(folder: string): Plugin {
  return { name: "compress", apply: "build", closeBundle: () => compressed(folder) };
}
