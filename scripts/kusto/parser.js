// Microsoft's own parser of the query language, told what the table `traces` looks
// like, and what is needed to walk the tree that it returns.
"use strict";

// The parser is C#, translated by Bridge.NET: it makes globals of itself.
require("@kusto/language-service-next/bridge.js");
require("@kusto/language-service-next/Kusto.Language.Bridge.js");
const { Bridge, Kusto } = globalThis;
const { Symbols, Syntax, GlobalState, KustoCode } = Kusto.Language;

// Columns as Application Insights names them: Azure Monitor documentation,
// app/convert-classic-resource, section "AppTraces", legacy table traces.
const strings = `appId application_Version appName client_Browser client_City client_CountryOrRegion client_IP
	client_Model client_OS client_StateOrProvince client_Type cloud_RoleInstance cloud_RoleName iKey itemId itemType
	message operation_Id operation_Name operation_ParentId operation_SyntheticSource sdkVersion session_Id
	user_AccountId user_AuthenticatedId user_Id`.split(/\s+/);
const schema = [
	...strings.map((name) => `${name}: string`),
	"timestamp: datetime", "severityLevel: int", "itemCount: int", "customDimensions: dynamic", "customMeasurements: dynamic",
].join(", ");

// Bridge numbers a class's constructors: $ctor7 takes name, schema and description,
// $ctor1 a name and its members.
const traces = new Symbols.TableSymbol.$ctor7("traces", `(${schema})`, null);
const globals = GlobalState.Default.WithDatabase(new Symbols.DatabaseSymbol.$ctor1("insights", [traces], false));

// Reading a query takes long, and each rule is read for many histories.
const read = new Map();

function parse(query) {
	// The workbook puts the width of its bars in before Azure sees the query.
	if (!read.has(query)) read.set(query, KustoCode.ParseAndAnalyze(query.replaceAll("{TimeRange:grain}", "30m"), globals));
	return read.get(query);
}

// complaints are what the parser does not like: syntax, unknown names, wrong types.
function complaints(query) {
	const found = parse(query).GetDiagnostics();
	return Array.from({ length: found.Count }, (_, i) => {
		const d = found.getItem(i);
		return `${d.Severity}: ${d.Message} At ${JSON.stringify(query.slice(d.Start, d.Start + d.Length))}`;
	});
}

// kind is the class of a node: PipeExpression, FilterOperator, NameReference ...
const kind = (node) => Bridge.getTypeName(node).split("[")[0].split(".").pop();

// text is a node as it was written, without the space around it.
const text = (node) => node.ToString(Syntax.IncludeTrivia.Interior).trim();

// items are the members of a list; each comes wrapped together with its comma.
const items = (list) => Array.from({ length: list.ChildCount }, (_, i) => list.GetChild(i).GetChild(0));

module.exports = { parse, complaints, kind, text, items };
