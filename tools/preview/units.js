// Numbers as Grafana writes them: three digits, and the unit that makes them short.
const digits = (value) => {
  const size = Math.abs(value);
  const places = size >= 100 || size === 0 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : 3;
  return String(Number(value.toFixed(places)));
};
const scaled = (value, base, names) => {
  let place = 0;
  while (Math.abs(value) >= base && place < names.length - 1) { value /= base; place += 1; }
  return digits(value) + names[place];
};
const seconds = (value) => {
  const size = Math.abs(value);
  if (size === 0) return "0 s";
  if (size < 0.001) return digits(value * 1e6) + " µs";
  if (size < 1) return digits(value * 1000) + " ms";
  if (size < 120) return digits(value) + " s";
  if (size < 7200) return digits(value / 60) + " min";
  if (size < 172800) return digits(value / 3600) + " h";
  return digits(value / 86400) + " d";
};
const percent = (value) => (value > 99 && value < 100 ? Number(value.toFixed(3)) : digits(value)) + " %";
const UNITS = {
  short: (value) => scaled(value, 1000, ["", " K", " Mil", " Bil"]),
  none: (value) => String(Number(value.toFixed(2))),
  s: seconds,
  percent,
  percentunit: (value) => percent(value * 100),
  ops: (value) => scaled(value, 1000, [" ops/s", "K ops/s"]),
  reqps: (value) => scaled(value, 1000, [" req/s", "K req/s"]),
  bytes: (value) => scaled(value, 1024, [" B", " KiB", " MiB", " GiB", " TiB"]),
  Bps: (value) => scaled(value, 1000, [" B/s", " kB/s", " MB/s", " GB/s"]),
  bool_yes_no: (value) => (value ? "Yes" : "No"),
};
const format = (unit, value) => {
  if (value === null || value === undefined) return "-";
  if (!UNITS[unit]) throw new Error("no way to write the unit " + unit);
  return UNITS[unit](value);
};
// Within a quarter of an hour, minutes alone would name neighbouring marks alike.
const clock = (time) => {
  const date = new Date(time * 1000), numbers = [date.getHours(), date.getMinutes()];
  if (DATA.end - DATA.start < 900) numbers.push(date.getSeconds());
  return numbers.map((each) => String(each).padStart(2, "0")).join(":");
};
