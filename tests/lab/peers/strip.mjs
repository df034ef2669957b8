// The number in the strip along the top of a picture, as `twocan::media` burns it: 24 square cells,
// 16 of the number and 8 of a check. Runs in the browser as well.

/** Which rows of a picture of this width the number is read from: [first, count], both even. */
export function stripRows(width) {
  const height = Math.floor(width / 24);
  const first = Math.ceil(height / 8) * 2;
  return [first, Math.max(2, Math.floor(height / 4) * 2)];
}

/** The number in so many rows of luma, or none. */
export function numberIn(luma, width, rows, stride = width) {
  const cell = width / 24;
  let bits = 0;
  for (let index = 0; index < 24; index++) {
    const from = Math.floor(index * cell + cell / 4), to = Math.floor(index * cell + cell * 3 / 4);
    let sum = 0;
    for (let row = 0; row < rows; row++) {
      for (let column = from; column < to; column++) sum += luma[row * stride + column];
    }
    bits = bits << 1 | (sum > 125 * rows * (to - from) ? 1 : 0);
  }
  const number = bits >> 8;
  return (bits & 0xff) === (~((number >> 8) ^ number) & 0xff) ? number : undefined;
}
