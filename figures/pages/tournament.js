// The tournament's stored runs: the setting that was played, or the nearest, and the advice.

class Source {
  constructor(data) {
    this.data = data;
    this.nearest = decode(data.nearest, Uint8Array);
  }

  /** Everything that a setting shows; the advice is for what was asked, played or not. */
  look(setting) {
    const { choices, settings, looks, advice } = this.data;
    const asked = Object.keys(choices).map((name) => setting[name]);
    const place = Object.values(choices).reduce((sum, values, i) =>
      sum * values.length + values.indexOf(asked[i]), 0);
    const played = this.nearest[place], { picture, outcome, alt, table } = looks[played];
    const [start, sentence] = advice[setting.family][setting.rule][setting.depth];
    const same = settings[played].every((value, i) => value === asked[i]);
    const first = same ? "" : `This was not played; the nearest is shown: ${picture.title}. `;
    const contestants = picture.contestants.map((one) => ({ ...one, advised: one.name === start }));
    const marked = contestants.some((one) => one.advised);
    const rows = table.rows.map((row) =>
      (row[0] === start ? [...row.slice(0, -1), `${row.at(-1)}, advised`] : row));
    return {
      picture: { ...picture, contestants }, table: { ...table, rows },
      verdict: `${first}${outcome} ${sentence}`,
      alt: alt + (marked ? ` An arrow marks the advised: ${start}.` : ""),
    };
  }
}
