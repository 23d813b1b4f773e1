// Runs the verifier over one bundle. It gets the file, not its octets: a bundle of a
// gigabyte is read a piece at a time.
'use strict';
onmessage = async ({ data: { file, key, roots, verifier } }) => {
  const reader = new FileReaderSync();
  const total = 2 * file.size; // hashed once, verified once
  let seen = 0;
  let said = performance.now();
  self.siegel = {
    size: file.size, key, roots,
    read(at, n) {
      try {
        const octets = new Uint8Array(reader.readAsArrayBuffer(file.slice(at, at + n)));
        seen += n;
        if (performance.now() - said > 200) {
          said = performance.now();
          postMessage({ share: Math.min(99, Math.floor(100 * seen / total)) });
        }
        return octets;
      } catch {
        return null; // the verifier says that the file cannot be read
      }
    },
    done(answer) { postMessage({ answer: JSON.parse(answer) }); },
  };
  try {
    const go = new Go();
    await go.run(await WebAssembly.instantiate(verifier, go.importObject));
    postMessage({ ended: true });
  } catch (e) {
    postMessage({ ended: true, why: String(e) });
  }
};
