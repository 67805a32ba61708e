// Three questions about the queries and alert rules that are deployed:
//   1. does Microsoft's parser accept every query (workbook, alerts, operations.md)?
//   2. does each rule fire when it must, and only then, in made-up histories?
//   3. do the histories notice mistakes?
// What it cannot tell is whether Azure does the same: nothing here was ever run there.
//
// Needs what package-lock.json pins: npm ci --prefix scripts/kusto
//
// usage: node scripts/kusto/check.js
"use strict";
const { queries, rules } = require("./queries.js");
const { complaints } = require("./parser.js");
const { compile } = require("./engine.js");
const { firings, minutes } = require("./rule.js");
const { timeOf, beside } = require("./log.js");
const { histories } = require("./histories.js");
const { mistakes, refused } = require("./mistakes.js");

const alerts = rules(), wrong = [];

function named(list, name, what) {
	const found = list.filter((one) => one.name === name);
	if (found.length !== 1) throw new Error(`${what} ${name}: there are ${found.length}`);
	return found[0];
}

// judge says what a rule does wrong in a history, or nothing.
function judge(rule, { log, fires, of = "", from, to }) {
	const found = firings(rule, [...log(), ...beside(0, to)], from, to);
	const alarms = found.get(of) ?? [];
	const others = [...found.keys()].filter((what) => what !== of);
	if (others.length) return `fires for ${others.map((what) => what || "nothing in particular")}`;
	if (!fires) return alarms.length ? `fires at ${brief(alarms)}, and must not` : "";
	if (!alarms.length) return "never fires";
	const [first, last] = [alarms[0], alarms.at(-1)];
	if (first < fires.first[0] || first > fires.first[1]) return `first fires at ${first}, not between ${fires.first.join(" and ")}`;
	const step = minutes(rule.evaluationFrequency);
	if (last - first !== (alarms.length - 1) * step) return `rests in between: it fires at ${brief(alarms)}`;
	if (fires.last === "end") return last + step > to ? "" : `ends at ${last}, and must go on`;
	return last < fires.last[0] || last > fires.last[1] ? `last fires at ${last}, not between ${fires.last.join(" and ")}` : "";
}

const brief = (alarms) => (alarms.length > 6 ? `${alarms.slice(0, 6).join(", ")}, ... ${alarms.at(-1)}` : alarms.join(", "));

function parserAccepts() {
	const all = queries();
	for (const { name, query } of all) {
		for (const complaint of complaints(query)) wrong.push(`${name}: ${complaint}`);
	}
	console.log(`${all.length} queries read by the parser`);
}

function rulesFire() {
	for (const { name } of alerts) {
		if (!histories.some(({ rule }) => rule === name)) wrong.push(`alert ${name}: there is no history for it`);
	}
	for (const history of histories) {
		const verdict = judge(named(alerts, history.rule, "alert"), history);
		if (verdict) wrong.push(`alert ${history.rule}: ${history.name}: ${verdict}`);
	}
	console.log(`${histories.length} histories`);
}

function mistakesAreNoticed() {
	for (const { rule: name, property = "query", from, to, notices } of mistakes) {
		const rule = named(alerts, name, "alert");
		const mistaken = String(rule[property]).replace(from, () => to), what = `mistake in alert ${name}: ${property}: ${from} -> ${to || "nothing"}`;
		if (mistaken === String(rule[property])) {
			wrong.push(`${what}: the rule has no such text`);
			continue;
		}
		const history = named(histories.filter((one) => one.rule === name), notices, "history");
		if (!judge({ ...rule, [property]: mistaken }, history)) wrong.push(`${what}: the history "${notices}" does not notice`);
	}
	console.log(`${mistakes.length} mistakes in rules`);
}

function othersAreRefused() {
	for (const { query, says } of refused) {
		let complaint = "nothing";
		try {
			compile(query)([{ timestamp: timeOf(0), message: "", itemCount: 1 }], timeOf(1));
		} catch (e) {
			complaint = e.message;
		}
		if (!complaint.includes(says)) wrong.push(`query that must be refused: ${query}: complaint ${complaint}, want one with ${says}`);
	}
	console.log(`${refused.length} queries to refuse`);
}

for (const part of [parserAccepts, rulesFire, mistakesAreNoticed, othersAreRefused]) {
	try {
		part();
	} catch (e) { // a rule that the engine does not know
		wrong.push(e.message);
	}
}
for (const complaint of wrong) console.error(`alert rules and queries: ${complaint}`);
process.exitCode = wrong.length ? 1 : 0;
