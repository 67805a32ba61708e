// Rows of `traces` as the program and the Functions host write them. Which fields
// the program's lines really have is another test's matter (functions, TestQueries).
// Times are minutes since a made-up beginning.
"use strict";

const beginning = Date.parse("2026-01-05T00:00:00Z");
const timeOf = (minute) => beginning + minute * 60_000;

const row = (minute, message, category) => ({ timestamp: timeOf(minute), message, customDimensions: { Category: category } });
const line = (minute, fields) => row(minute, JSON.stringify(fields), "Host.Function.Console");

// A heartbeat comes some seconds after the timer's quarter of an hour, a flow after
// that of its minute.
const heartbeat = (minute, fields) => line(minute + 5 / 60, { message: "heartbeat", component: "master", pending: 0, oldest_s: 0, waiting_s: 0, dead: 0, ...fields });
const flow = (minute, type, listed) => line(minute + 6 / 60, { message: "flow", type, listed, events: 0 });

const every = (step, from, to) => Array.from({ length: Math.ceil((to - from) / step) }, (_, i) => from + i * step);

// heartbeats are those from one minute until before another; fields tells what is
// in that of a minute, beats whether it comes.
const heartbeats = (from, to, fields = () => ({}), beats = () => true) =>
	every(15, from, to).filter(beats).map((minute) => heartbeat(minute, fields(minute)));

// flows are the lines of a type in the minutes in which something was listed.
const flows = (to, listed, type = "Audit.General") => every(1, 0, to).filter(listed).map((minute) => flow(minute, type, 1));

// beside is what else is in the table, whatever the history: lines that are no JSON,
// flows of nothing, and the copies for the Monitor page, here with everything that
// could mislead a rule and newer than the heartbeat.
const beside = (from, to) => every(15, from, to).map((minute) => minute + 0.5).flatMap((minute) => [
	row(minute, "Executed 'Functions.pull'", "Function.pull"),
	row(minute, "no JSON either", "Host.Function.Console"),
	flow(minute, "Audit.General", 0),
	...[
		{ message: "heartbeat", pending: 9, oldest_s: 99_999, waiting_s: 99_999, dead: 9, credential_days: 1 },
		{ message: "flow", type: "Audit.General", listed: 1 },
		{ message: "flow", type: "Audit.Exchange", listed: 1 },
	].map((fields) => row(minute, JSON.stringify(fields), "Function.master.User")),
]);

module.exports = { timeOf, heartbeat, heartbeats, flow, flows, beside };
