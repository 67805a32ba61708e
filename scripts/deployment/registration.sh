# The app registration in Entra ID: making it, its permissions, and who it trusts.
# Part of scripts/deploy, which sources it and has its variables.
# shellcheck shell=bash disable=SC2154

# principal tells the object id of an application's service principal; making it
# waits for nothing, since what follows asks again.
principal() { look ad sp list --filter "appId eq '$1'" | jq -r '.[0].id // ""'; }

# check_namesakes: anybody in the tenant may make an app registration with any name, and
# who made it may use it. What we consent to reads the whole tenant's audit log, so none
# is taken for its name. Owners' names are strangers' words: jq prints them escaped.
check_namesakes() {
	# Not az ad app create: that changes an application of the same name, if there is one,
	# and answers with it ("Found an existing application instance. We will patch it").
	new_app=(az rest --method POST --url "$graph/v1.0/applications" --headers Content-Type=application/json
		--body "{\"displayName\":\"$name\",\"signInAudience\":\"AzureADMyOrg\"}" --query appId --output tsv)
	if [[ $app ]]; then return; fi
	local found id
	found=$(look ad app list --display-name "$name" | jq -c --arg n "$name" 'map(select(.displayName | ascii_downcase == $n))')
	if [[ $(jq length <<<"$found") == 0 ]]; then return; fi
	{
		printf 'deploy: app registrations named %s exist, and no good deployment of %s says that one is its own:\n' "$name" "$name"
		for id in $(jq -r '.[].appId' <<<"$found"); do
			jq -r --arg id "$id" '.[] | select(.appId == $id) | "  appId \(.appId), made \(.createdDateTime)"' <<<"$found"
			printf '    owners %s\n' "$(look ad app owner list --id "$id" | jq -c 'map(.userPrincipalName // .displayName // .id)')"
		done
		printf 'If you know that one is yours (perhaps of a run that ended early), name it: --app-id APPID\n'
		printf 'Else make one and name what this prints:\n '
		printf ' %q' "${new_app[@]}"
		printf '\n'
	} >&2
	exit 2
}

register_app() {
	if [[ ! $app ]]; then
		app=$(change "${new_app[@]}" --only-show-errors)
		if [[ $app ]]; then made_app=yes; fi
		app=${app:-00000000-0000-0000-0000-000000000000} # a dry run has none
	fi
	owner=$(principal "$app")
	if [[ ! $owner ]]; then
		owner=$(change az ad sp create --id "$app" --only-show-errors --query id --output tsv)
	fi
}

# office_api prints the service principal of Microsoft's API, or nothing.
office_api() { look ad sp list --filter "appId eq '$api_app'" | jq -c '.[0] // empty'; }

# grant asks for the application permissions and consents to them.
grant() {
	local wanted=(ActivityFeed.Read) api role id requested='' granted=''
	if [[ $(planned o365ContentStreams) == *'"DLP.All"'* ]]; then wanted+=(ActivityFeed.ReadDlp); fi
	api=$(office_api)
	if [[ ! $api ]]; then
		change az ad sp create --id "$api_app" --only-show-errors --output none
		if [[ $dry ]]; then say "dry run: permissions would be asked for and consented to: ${wanted[*]}"; return; fi
		api=$(office_api)
	fi
	if [[ $owner ]]; then
		requested=$(look ad app permission list --id "$app" | jq -r --arg api "$api_app" '.[] | select(.resourceAppId == $api) | .resourceAccess[].id' | words)
		granted=$(look rest --method GET --url "$graph/v1.0/servicePrincipals/$owner/appRoleAssignments" | jq -r '.value[].appRoleId' | words)
	fi
	for role in "${wanted[@]}"; do
		id=$(jq -r --arg r "$role" '.appRoles[] | select(.value == $r) | .id' <<<"$api")
		[[ $id ]] || fail "Office 365 Management APIs has no application permission $role in this tenant"
		among "$id" "$requested" || change az ad app permission add --id "$app" --api "$api_app" --api-permissions "$id=Role" --only-show-errors
		among "$id" "$granted" || consent "$role" "$id" "$(jq -r .id <<<"$api")"
	done
}

# consent: the directory may not know yet what was just created. Who may not consent
# gets the address where an administrator does.
consent() {
	local role=$1 id=$2 api=$3 i
	for ((i = 0; i < 6; i++)); do
		if change az rest --method POST --url "$graph/v1.0/servicePrincipals/${owner:-PRINCIPAL}/appRoleAssignments" \
			--headers Content-Type=application/json --only-show-errors --output none \
			--body "{\"principalId\":\"$owner\",\"resourceId\":\"$api\",\"appRoleId\":\"$id\"}" 2>"$dir/refusal"; then return; fi
		grep -q ResourceNotFound "$dir/refusal" || break
		sleep "$pause"
	done
	cat "$dir/refusal" >&2
	left+=("admin consent to $role, by a Cloud Application Administrator or above, here (API permissions, Grant admin consent):
    $portal/#view/Microsoft_AAD_RegisteredApps/ApplicationMenuBlade/~/CallAnAPI/appId/$app
  or at ${issuer%/v2.0}/adminconsent?client_id=$app")
}

# trust makes the collector's identity a credential of the app registration.
trust() {
	if [[ $credential != federated ]]; then return; fi
	local subject existing named
	subject=$(look identity list --resource-group "$group" 2>/dev/null | jq -r --arg n "$name-run" 'map(select(.name | ascii_downcase == $n)) | .[0].principalId // ""') || subject=''
	if [[ ! $subject ]]; then
		[[ $dry ]] || fail "identity $name-run is not in $group, though the template creates it"
		say "dry run: identity $name-run would become a federated credential of the app registration"
		return
	fi
	existing=$(look ad app federated-credential list --id "$app")
	if jq -e --arg i "$issuer" --arg s "$subject" --arg a "$audience" 'any(.[]; .issuer == $i and .subject == $s and .audiences == [$a])' >/dev/null <<<"$existing"; then return; fi
	named=$(jq -r --arg n "$name-run" 'map(.name | select(ascii_downcase == $n)) | .[0] // ""' <<<"$existing")
	jq -n --arg n "${named:-$name-run}" --arg i "$issuer" --arg s "$subject" --arg a "$audience" '
		{name: $n, issuer: $i, subject: $s, audiences: [$a], description: "the identity that azcollector runs as"}' >"$dir/federated.json"
	if [[ $named ]]; then # its identity was made anew
		change az ad app federated-credential update --id "$app" --federated-credential-id "$named" --parameters "@$dir/federated.json" --only-show-errors --output none
	else
		change az ad app federated-credential create --id "$app" --parameters "@$dir/federated.json" --only-show-errors --output none
	fi
}
