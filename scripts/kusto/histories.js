// Made-up histories, and when a rule must fire in each. Minutes since the beginning.
//   log         the rows
//   from, to    the first evaluation and the end; 61 is a minute after a heartbeat
//   fires       never, or { first, last }: within which minutes the first and the
//               last alarm come (last: "end" if it must still fire); between them it
//               must not rest
//   of          which dimension fires; none other may
"use strict";
const { heartbeats, flows } = require("./log.js");
const { backlog } = require("./backlog.js");

const hour = 60, day = 24 * hour;
const never = null, throughout = { first: [61, 61], last: "end" };

const but = (...missed) => (minute) => !missed.includes(minute);
const before = (end) => (minute) => minute < end;

const noHeartbeat = [
	["a heartbeat every quarter of an hour", () => true, never],
	["one is missed", but(360), never],
	["two are missed", but(360, 375), never],
	["three are missed: it fires, and ends with the fourth", but(360, 375, 390), { first: [390, 404], last: [390, 404] }],
	["they stop after 6 h", before(360), { first: [390, 405], last: "end" }],
	["they never began", () => false, throughout],
].map(([name, beats, fires]) => ({ rule: "no-heartbeat", name, log: () => heartbeats(0, 10 * hour, () => ({}), beats), fires, from: 61, to: 10 * hour }));

const between = (from, to, value) => (minute) => (minute >= from && minute < to ? value : {});
const deadLetters = [
	["none", () => ({}), never],
	["one", () => ({ dead: 1 }), throughout],
	["three between the 6th and the 8th hour", between(6 * hour, 8 * hour, { dead: 3 }), { first: [360, 374], last: [465, 480] }],
	["one, and a heartbeat is missed", () => ({ dead: 1 }), throughout, but(180)],
	["one, and no heartbeat after the 5th hour", () => ({ dead: 1 }), { first: [61, 61], last: [300, 330] }, before(300)],
].map(([name, fields, fires, beats]) => ({ rule: "dead-letters", name, log: () => heartbeats(0, 10 * hour, fields, beats), fires, from: 61, to: 10 * hour }));

const credential = [
	["15 days", () => ({ credential_days: 15 }), never],
	["not known", () => ({}), never],
	["14 days", () => ({ credential_days: 14 }), throughout],
	["the last day", () => ({ credential_days: 0 }), throughout],
	["over for three days", () => ({ credential_days: -3 }), throughout],
	["14 days, and a heartbeat is missed", () => ({ credential_days: 14 }), throughout, but(180)],
	["renewed after 5 h", (minute) => ({ credential_days: minute < 5 * hour ? 9 : 180 }), { first: [61, 61], last: [4 * hour, 5 * hour] }],
].map(([name, fields, fires, beats]) => ({ rule: "credential-ends", name, log: () => heartbeats(0, 10 * hour, fields, beats), fires, from: 61, to: 10 * hour }));

// Microsoft lists five contents a minute; in the quiet hours one now and then.
const busy = () => 5;
const quiet = (minute) => (minute % 600 < 300 ? 5 : minute % 40 === 0 ? 1 : 0);
// Nothing for three hours, then all that is missing at once.
const incident = (minute) => (minute > 300 && minute < 481 ? 0 : minute === 481 ? 900 : 5);
const backfill = (minute) => (minute === 61 ? 7200 : 5);
const down = (from, to) => (minute, count) => (minute >= from && minute < to ? 0 : count);
const atMost = (most) => (minute, count) => Math.min(most, count);
const eachWaits = (minutes) => (minute) => (minute < minutes ? 0 : 5);

const ourLag = [
	["all is well", { listed: busy }, never],
	["a night without records", { listed: quiet }, never],
	["Microsoft lists everything two hours late", { listed: busy, late: () => 120 }, never],
	["Microsoft lists late, in bursts at the quarters", { listed: (m) => (m % 15 === 0 ? 40 : 1), late: (m, nth) => (nth * 37 + m) % 120 }, never],
	["Microsoft lists one content six hours late", { listed: busy, late: (m, nth) => (m === 405 && nth === 0 ? 360 : 0) }, never],
	["Microsoft lists nothing for three hours, then all at once", { listed: incident, late: (m, nth) => (m === 481 ? nth / 5 : 0) }, never],
	["the same, and we need 40 minutes for it: one heartbeat is late", { listed: incident, late: (m, nth) => (m === 481 ? nth / 5 : 0), delivered: atMost(28) }, never],
	["Microsoft lists a content and never hands it out", { listed: busy, withheld: (m, nth) => m === 362 && nth === 0 }, never],
	["one content waits for half an hour: one heartbeat is late", { listed: (m) => (m === 361 ? 1 : 0), delivered: down(361, 391) }, never],
	["each waits 10 minutes", { listed: busy, delivered: eachWaits(10) }, never],
	["each waits 20 minutes", { listed: busy, delivered: eachWaits(20) }, { first: [30, 61], last: "end" }],
	["four of five are delivered", { listed: busy, delivered: atMost(4) }, { first: [90, 120], last: "end" }],
	["a backfill of 24 hours, two hours of work: it ends by itself",
		{ listed: backfill, late: (m, nth) => (m === 61 ? nth / 5 : 0), delivered: atMost(65) }, { first: [91, 106], last: [166, 196] }],
	["one content at night, and nobody takes it until the 11th hour",
		{ listed: (m) => (m === 364 ? 1 : 0), delivered: down(360, 660) }, { first: [394, 409], last: [645, 675] }],
	["the destination is down for three hours, and a heartbeat is missed",
		{ listed: busy, delivered: down(360, 540), beats: but(435) }, { first: [390, 405], last: [525, 555] }],
	["the destination is down, and no heartbeat after the 7th hour",
		{ listed: busy, delivered: down(360, 720), beats: before(420) }, { first: [390, 405], last: [420, 465] }],
	["the first heartbeat after a standstill is late", { listed: (m) => (m === 350 ? 1 : 0), delivered: down(350, 380), beats: (m) => m > 370 }, never],
	// Whatever the minute in which it begins, two heartbeats are late after 45 minutes.
	...Array.from({ length: 15 }, (_, nth) => 360 + nth).map((began) => [
		`the destination is down from minute ${began} to 540`, { listed: busy, delivered: down(began, 540) }, { first: [began + 30, began + 45], last: [525, 555] },
	]),
].map(([name, world, fires]) => ({ rule: "our-lag", name, log: () => backlog({ hours: 12, ...world }), fires, from: 31, to: 12 * hour }));

const officeHours = (minute) => minute % day >= 8 * hour && minute % day < 18 * hour;
const quietNights = (minute) => (minute % day >= 7 * hour && minute % day < 19 * hour ? minute % 2 === 0 : minute % 120 === 0);
const until = (end, listed) => (minute) => minute < end && listed(minute);
const ten = (minute) => minute > 2900 && minute <= 3000 && minute % 10 === 0;
const each = (minutes) => (minute) => minute % minutes === 0;

const nothingListed = [
	["every minute", each(1), never, [50 * hour, 54 * hour]],
	["every minute, until the 60th hour", until(3601, each(1)), { first: [3660, 3661], last: "end" }, [58 * hour, 64 * hour]],
	["every 10 minutes, until the 60th hour", until(3600, each(10)), { first: [3650, 3691], last: "end" }],
	["every 30 minutes, but for two hours", (m) => m % 30 === 0 && !(m > 3000 && m < 3120), never],
	["every 30 minutes, until the 55th hour", until(3300, each(30)), { first: [3420, 3449], last: "end" }],
	["busy days and quiet nights", quietNights, never],
	["busy days and quiet nights, until noon", until(2.5 * day, quietNights), { first: [3660, 4020], last: "end" }],
	["in office hours only", officeHours, never],
	["every 8 hours", until(3300, each(480)), never],
	["ten contents: nine pauses", ten, never],
	["eleven contents: ten pauses", (m) => ten(m) || m === 3010, { first: [3060, 3091], last: "end" }],
].map(([name, listed, fires, [from, to] = [2 * day, 3 * day]]) => ({
	rule: "nothing-listed", name, log: () => flows(to, listed), fires, of: "Audit.General", from: from + 1, to,
}));

nothingListed.push({
	rule: "nothing-listed", name: "one of two types stops at the 60th hour", of: "Audit.Exchange", fires: { first: [3660, 3691], last: "end" },
	log: () => [...flows(64 * hour, each(2)), ...flows(3600, each(2), "Audit.Exchange")], from: 58 * hour + 1, to: 64 * hour,
}, {
	rule: "nothing-listed", name: "one type ends where another begins, which stops at the 60th hour", of: "Audit.General", fires: { first: [3650, 3691], last: "end" },
	log: () => [...flows(3 * day, ten, "Audit.Exchange"), ...flows(3600, (m) => m >= 2900 && m % 10 === 0)], from: 58 * hour + 1, to: 64 * hour,
}, {
	rule: "nothing-listed", name: "two instances take turns", of: "Audit.General", fires: never,
	log: () => [...flows(54 * hour, each(4)), ...flows(54 * hour, (m) => m % 4 === 2)], from: 50 * hour + 1, to: 54 * hour,
}, {
	rule: "nothing-listed", name: "a new deployment, and after an hour nothing", of: "Audit.General", fires: { first: [120, 151], last: "end" },
	log: () => flows(hour, each(1)), from: 61, to: 12 * hour,
});

module.exports = { histories: [...noHeartbeat, ...deadLetters, ...credential, ...ourLag, ...nothingListed] };
