# After the deployment: triggers, functions, the webhook, and taking rights away again.
# Part of scripts/deploy, which sources it and has its variables.
# shellcheck shell=bash disable=SC2154

# sync_triggers: an Elastic Premium app that runs from an address of ours is not looked
# at by the platform until asked ("Deployment technologies in Azure Functions", External
# package URL). The host must be up to answer.
sync_triggers() {
	if [[ $(planned hostingPlan) != ElasticPremium ]]; then return; fi
	local i url=$manager$site/syncfunctiontriggers?api-version=2024-04-01
	for ((i = 0; i < looks / per_minute; i++)); do
		if change az rest --method POST --url "$url" --only-show-errors --output none; then return; fi
		sleep $((pause * per_minute))
	done
	left+=("tell the platform which triggers there are, once the app runs: az rest --method POST --url $url")
}

# writers prints the role assignments that seal takes away, of those that our
# deployments made: an assignment by somebody else, or elsewhere, is not ours to delete.
# A deployment that failed has no outputs, but its operations are known.
writers() {
	local all ours identities identity
	all=$(look deployment group list --resource-group "$group")
	# While it goes on, it may give the right again.
	jq -e --arg d "$deployment" 'all(.[] | select(.name == $d); .properties.provisioningState | IN("Succeeded", "Failed", "Canceled"))' >/dev/null <<<"$all" || return 1
	ours=$(jq -r --arg d "$deployment" --arg g "$good" '.[] | select(.name == $d or .name == $g) | .properties.outputs // {}
		| .packageWriteAssignmentId.value, (.selfUpdateAssignmentIds.value | if type == "string" then split(",")[] else .[]? end) | strings' <<<"$all")
	if jq -e --arg d "$deployment" 'any(.[]; .name == $d)' >/dev/null <<<"$all"; then
		ours+=$'\n'$(operations | jq -r '.[].properties.targetResource // {} | select(.resourceType == "Microsoft.Authorization/roleAssignments") | .id')
	fi
	identities=$(look identity list --resource-group "$group" | jq -r --arg n "$name" '.[] | select(.name | ascii_downcase | . == ($n + "-run", $n + "-deploy")) | .principalId')
	for identity in $identities; do
		look role assignment list --all --assignee "$identity" | jq -r --arg i "$identity" --arg ours "$ours" --argjson w "$package_writers" \
			--arg under "/subscriptions/$subscription/resourceGroups/$group/providers/" '
			($ours | ascii_downcase | split("\n")) as $ours | ($under | ascii_downcase) as $under
			| .[] | select(.principalId == $i and (.roleDefinitionId | split("/") | last | IN($w[]))
				and (.scope | ascii_downcase | startswith($under)) and (.id | ascii_downcase | IN($ours[]))) | .id'
	done
}

# seal takes the right to change the package and the site from the identities, unless
# the collector is to update itself. The platform stored the package as NAME-deploy,
# and the collector's code could borrow that identity at any time; NAME-run has such
# rights if an earlier run chose self-update. Not before the functions are listed,
# unless the run ends early.
seal() {
	if [[ $(updates) == true || ( $dry && ! $site ) ]]; then return; fi
	local id
	writers >"$dir/writers" # not $(writers): set -e does not hold in there
	while read -r id; do
		change az role assignment delete --ids "$id" --only-show-errors
	done <"$dir/writers"
	open=''
}

# expected lists the functions: those of this copy. A package that is kept may be older or
# newer than this copy, and one function is enough to tell that it runs.
expected() {
	local f
	if [[ $kept_package ]]; then echo master; return; fi
	for f in "$home"/*/function.json; do basename "$(dirname "$f")"; done
}

wait_for_functions() {
	local i listed missing f
	for ((i = 0; i < looks; i++)); do
		listed=$(look functionapp function list --resource-group "$group" --name "$name" 2>/dev/null | jq -r '.[].name | split("/") | last') || listed=''
		missing=()
		for f in $(expected); do grep -qx "$f" <<<"$listed" || missing+=("$f"); done
		if ((${#missing[@]} == 0)); then say "functions: $(words <<<"$listed")"; return; fi
		sleep "$pause"
	done
	fail "the functions ${missing[*]} are not listed after $((pause * looks / 60)) minutes: look at the app's log stream, then run this again"
}

# wait_for_webhook: a GET is answered a bare 200. 403 is the access restriction, from
# which nothing can be learned here.
wait_for_webhook() {
	if [[ $(planned publicUrl) == none ]]; then say "no webhook: records come by listing"; return; fi
	local i host code
	host=$(look functionapp show --resource-group "$group" --name "$name" | jq -r '.defaultHostName // .properties.defaultHostName')
	webhook=$(planned publicUrl)
	webhook=${webhook:-https://$host}
	webhook=${webhook%/}/api/o365/webhook
	for ((i = 0; i < looks; i++)); do
		code=$(curl -sS -o /dev/null -w '%{http_code}' --max-time 30 "$webhook" 2>/dev/null) || code=000
		case $code in
		200) say "webhook: $webhook answers"; return ;;
		403) if [[ $(planned restrictWebhookToMicrosoft) == true ]]; then say "webhook: $webhook lets only Microsoft in, as asked"; return; fi ;;
		esac
		sleep "$pause"
	done
	fail "$webhook answers $code to a GET, not 200: look at the app's log stream (a missing setting is named there), then run this again"
}
