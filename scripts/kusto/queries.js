// Finds the queries that somebody or something runs on the log, and the alert rules,
// in the files that are deployed and read. Nothing is copied here.
"use strict";
const { readFileSync } = require("fs");
const { join } = require("path");

const read = (file) => readFileSync(join(__dirname, "../..", file), "utf8");
const json = (file) => JSON.parse(read(file));

// members finds every text member "query", however deep.
function members(value, path) {
	if (value === null || typeof value !== "object") return [];
	return Object.entries(value).flatMap(([key, v]) =>
		key === "query" && typeof v === "string" ? [{ name: path, query: v }] : members(v, `${path}/${key}`));
}

const fences = (file) => [...read(file).matchAll(/```kusto\n(.*?)```/gs)]
	.map(([, query], i) => ({ name: `${file}: query ${i + 1}`, query }));

// fewest is well below what each file has; a search that finds nothing proves nothing.
const fewest = 5;

function queries() {
	const sources = {
		"arm/workbook.json": members(json("arm/workbook.json"), "workbook"),
		"arm/azuredeploy.json": rules().map(({ name, query }) => ({ name: `alert ${name}`, query })),
		"docs/operations.md": fences("docs/operations.md"),
	};
	for (const [file, found] of Object.entries(sources)) {
		if (found.length < fewest) throw new Error(`${file}: ${found.length} queries found, at least ${fewest} expected`);
	}
	return Object.values(sources).flat();
}

// rules are variables.alerts of the template. What the resource adds to each of them
// is what firings in rule.js takes for granted.
function rules() {
	const template = json("arm/azuredeploy.json");
	const { properties } = template.resources.find(({ type }) => type === "Microsoft.Insights/scheduledQueryRules");
	const [condition, ...more] = properties.criteria.allOf;
	const { numberOfEvaluationPeriods, minFailingPeriodsToAlert } = condition.failingPeriods;
	if (more.length || condition.timeAggregation !== "Count" || numberOfEvaluationPeriods !== 1 || minFailingPeriodsToAlert !== 1) {
		throw new Error("arm/azuredeploy.json: scheduledQueryRules: only rules that count rows, and fire at once, can be tried here");
	}
	return template.variables.alerts;
}

module.exports = { queries, rules };
