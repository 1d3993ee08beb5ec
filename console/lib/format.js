// Times and figures in words. Times come as UTC text; they are shown in the browser's zone.
//
//   formatAge("2026-05-05T09:00:00Z", serverNow())   "12 s ago", "5 min ago", "in 3 h", "now"
//   formatSpan(4500)                                 "1 h 15 min"; "–" for null
//   formatMoment(time)                               "Tue 5 May, 11:00"
//   formatClock(time, { seconds: true })             "11:00:00"
//   formatDay("2026-05-05")                          "Tue 5 May": a day of a calendar, in no zone
//   formatNumber(12345)                              "12,345"; "–" for null
//   formatShare(0.625)                               "63 %"; "–" for null
//   countOf(2, "mail")                               "2 mails"
const NONE = "–";
const MINUTE = 60;
const HOUR = 3600;
const DAY = 86400;

export function formatAge(time, now) {
  if (!time) return NONE;
  const seconds = Math.round((now - Date.parse(time)) / 1000);
  if (Math.abs(seconds) < 2) return "now";
  return seconds > 0 ? `${formatSpan(seconds, true)} ago` : `in ${formatSpan(-seconds, true)}`;
}

/** `isShort`: one unit only. */
export function formatSpan(seconds, isShort = false) {
  if (seconds === null || seconds === undefined) return NONE;
  const whole = Math.round(seconds);
  if (whole < 2 * MINUTE) return `${whole} s`;
  if (whole < 2 * HOUR && isShort) return `${Math.floor(whole / MINUTE)} min`;
  if (whole < HOUR) return `${Math.floor(whole / MINUTE)} min`;
  if (whole < 2 * DAY) {
    const minutes = Math.floor((whole % HOUR) / MINUTE);
    const hours = `${Math.floor(whole / HOUR)} h`;
    return isShort || minutes === 0 ? hours : `${hours} ${minutes} min`;
  }
  return `${Math.floor(whole / DAY)} days`;
}

const MOMENT = new Intl.DateTimeFormat("en-GB", {
  weekday: "short", day: "numeric", month: "short", hour: "2-digit", minute: "2-digit",
});
const CLOCK = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });
const SECONDS = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const LOCAL_DAY = new Intl.DateTimeFormat("en-GB", { weekday: "short", day: "numeric", month: "short" });
const DAY_ALONE = new Intl.DateTimeFormat("en-GB", { weekday: "short", day: "numeric", month: "short", timeZone: "UTC" });
const NUMBER = new Intl.NumberFormat("en-GB");

export const formatMoment = (time) => (time ? MOMENT.format(new Date(time)) : NONE);
export const formatClock = (time, { seconds = false } = {}) =>
  time ? (seconds ? SECONDS : CLOCK).format(new Date(time)) : NONE;
export const formatLocalDay = (time) => (time ? LOCAL_DAY.format(new Date(time)) : NONE);
export const formatDay = (date) => (date ? DAY_ALONE.format(new Date(`${date.slice(0, 10)}T00:00:00Z`)) : NONE);
export const formatNumber = (value) => (value === null || value === undefined ? NONE : NUMBER.format(value));
export const formatShare = (value) => (value === null || value === undefined ? NONE : `${Math.round(value * 100)} %`);
export const countOf = (count, noun) => `${formatNumber(count)} ${noun}${count === 1 ? "" : "s"}`;
