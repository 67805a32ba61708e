# The template: its parameters, its package, and its deployment.
# Part of scripts/deploy, which sources it and has its variables.
# shellcheck shell=bash disable=SC2154

fetch() { curl -fsSL --proto '=https' --proto-redir '=https' -o "$dir/$2" "$1" || fail "cannot fetch $1"; }

# read_template puts a template from elsewhere beside the parameters, since its list
# of parameters is needed too.
read_template() {
	if [[ $template == https://* ]]; then
		fetch "$template" template.json
		template=$dir/template.json
	fi
	jq -e .parameters "$template" >/dev/null 2>&1 || refuse "--template must be an ARM template (a file, or an https address); $template is none"
}

# choose_package takes the address that is given, or what runs, or else what the template
# names: a newer template brings a newer package, and an earlier run's is not taken over.
# A template that no release was made of leads to a stand-in, a reserved name (RFC 2606):
# better refused now than after everything else was created.
choose_package() {
	package=$(past='' planned packageUri)
	if [[ ! $package ]] && { mentions packageUri "$asked" || updates_itself; }; then
		keep_package
		return
	fi
	package=${package:-$(jq -r '.parameters.packageUri.defaultValue // ""' "$template")}
	if [[ $package =~ ^https://[^/]*\.example/ ]]; then
		refuse "the package $package is a stand-in: say with --package-uri where the release lies"
	fi
}

# runs_own: what an Elastic Premium app runs has the name that the updater gives.
runs_own() { [[ $runs =~ /[0-9a-f]{64}\.zip$ ]]; }

# updates_itself: what runs may be newer than all that was ever deployed here, and the
# template's package would silently take it back. So where the site's settings say so, and
# after a good deployment that let it, or that kept what ran.
updates_itself() {
	if [[ ! $site ]]; then return 1; fi
	[[ $keeps || $(asked='' planned selfUpdate) == true ]] || runs_own ||
		{ mentions packageUri "$past" && [[ ! $(asked='' planned packageUri) ]]; }
}

# keep_package: on Flex Consumption the template stores no package if there is no address;
# on Elastic Premium the address is an app setting, and all of those are written again.
keep_package() {
	if [[ ! $site || ! $good ]]; then refuse "what runs cannot be kept, since no good deployment of $name is known: say with --package-uri what is to run"; fi
	if [[ $key ]]; then refuse "--public-key checks a package that is deployed, and what runs is kept: name one with --package-uri, or leave --public-key away"; fi
	package=''
	if [[ $(planned hostingPlan) == ElasticPremium ]]; then
		# What follows a question mark may be a key, and Azure would keep it with the
		# deployment for everybody to read.
		[[ $runs =~ ^https://[^?#[:space:]]+$ ]] || refuse "WEBSITE_RUN_FROM_PACKAGE of $name is no plain https address that could be kept: say with --package-uri what is to run"
		if runs_own && [[ $(planned storagePublicNetworkAccess) == Disabled ]]; then
			refuse "storagePublicNetworkAccess=Disabled would close the account that $name runs from: say with --package-uri what is to run instead"
		fi
		package=$runs
	fi
	ask packageUri "$package"
	kept_package=yes
	say "the package stays what runs now${package:+, $package}; another one is deployed with --package-uri"
}

# verify_package looks at what the address leads to now. Azure fetches it by itself
# afterwards, so a home that gives Azure something else is not found out.
verify_package() {
	if [[ ! $key ]]; then return; fi
	local from
	command -v go >/dev/null || refuse "--public-key needs Go: check the package by hand (docs/release.md, \"Check one by hand\") and leave --public-key away"
	from=$package
	fetch "$from" package.zip
	fetch "${from%/*}/manifest.json" manifest.json
	(cd "$home" && go run ./internal/release/tool verify --keys "$key" --package "$dir/package.zip" "$dir/manifest.json") ||
		fail "the package $from is not what the manifest beside it signs: do not deploy it"
}

# parameter tells a setting's parameter: APP_CLIENT_ID is appClientId.
parameter() { jq -rn --arg s "$1" '$s | ascii_downcase | gsub("_(?<c>.)"; .c | ascii_upcase)'; }

declared() { jq -r --arg p "$1" '.parameters[$p].type // "" | ascii_downcase' "$template"; }

read_settings() {
	local pair p value
	for pair in ${settings[@]+"${settings[@]}"}; do
		p=${pair%%=*}
		if [[ ! $(declared "$p") ]]; then p=$(parameter "$p"); fi
		case $p in
		appTenantId | appClientId) refuse "--set ${pair%%=*}: the tenant is that of the login, the application that of --app-id" ;;
		esac
		case $(declared "$p") in
		'') refuse "--set ${pair%%=*}: the template has no parameter $p" ;;
		secure*) refuse "--set ${pair%%=*}: a secret is given in the environment, or in a file that ${pair%%=*}_FILE names" ;;
		array | object)
			value=$(jq -c . <<<"${pair#*=}" 2>/dev/null) || refuse "--set ${pair%%=*}: must be JSON, an $(declared "$p")"
			ask "$p" "$value"
			continue ;;
		esac
		ask "$p" "${pair#*=}"
	done
}

# write_parameters: what an earlier run set, over it what is asked now, over it what
# is a fact. Not carried over: the package (choose_package), and recoverVault, which
# Azure refuses once the vault is recovered.
write_parameters() {
	ask appName "$name"
	ask appTenantId "$tenant"
	ask appClientId "$app"
	jq -n --slurpfile template "$template" --slurpfile secrets "$dir/secrets.json" \
		--arg past "$past" --arg asked "$asked" --arg kept "$kept" '
		def lines: split("\n") | map(select(. != "") | index("\t") as $i | {key: .[:$i], value: .[$i + 1:]}) | from_entries;
		($template[0].parameters | map_values(.type | ascii_downcase)) as $types
		| ($past | lines | del(.packageUri, .keepSecrets, .recoverVault) | with_entries(select($types[.key] and ($types[.key] | startswith("secure") | not)))) as $past
		| $past + ($asked | lines)
		| with_entries(.key as $k | .value |=
			(if $types[$k] == null then error("the template has no parameter \($k)") elif $types[$k] == "string" then . else fromjson end))
		| . + $secrets[0] + {keepSecrets: ($kept | split(" ") | map(select(. != "")))}
		| {"$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentParameters.json#",
		   contentVersion: "1.0.0.0", parameters: map_values({value: .})}' >"$dir/parameters.json" ||
		refuse "a value does not fit the template"
}

# The name is another each time: a deployment that fails would replace the good one of
# the same name, and with it what read_past needs. 64 characters is Azure's limit.
name_deployment() {
	deployment=${name:0:40}-$(date -u +%Y%m%d%H%M%S)-$RANDOM
	where=(--resource-group "$group" --name "$deployment" --template-file "$template" --parameters "@$dir/parameters.json" --no-prompt true --only-show-errors)
}

deploy_template() {
	write_parameters
	local mended='' minutes=0
	name_deployment
	if [[ $dry ]]; then foresee; return; fi
	if [[ $(planned selfUpdate) != true ]]; then open=yes; fi
	until try_template; do
		if [[ ! $mended ]] && recover_or_not; then
			mended=yes
			write_parameters
		elif ((minutes < looks / per_minute)) && package_refused; then
			minutes=$((minutes + 1))
			say "only the package could not be stored: the right to do so is fresh, and Azure may take ten minutes. Again in a minute ($minutes of $((looks / per_minute)))"
			sleep $((pause * per_minute))
		else
			fail "the deployment did not succeed; mend what Azure says above and run this again"
		fi
	done
	made_app=''
	site=$(find_site)
	compare_self_update
}

# updates tells whether the collector may change itself: as the template says, or, before
# that is known, as it is asked to be.
updates() { printf '%s' "${counted:-$(planned selfUpdate)}"; }

# compare_self_update: a template cannot refuse, so it takes self-update for not chosen
# where something is missing. require_secrets asks first, but another template may want
# more.
compare_self_update() {
	local wanted
	wanted=$(planned selfUpdate)
	counted=$(look deployment group list --resource-group "$group" |
		jq -r --arg d "$deployment" '.[] | select(.name == $d) | .properties.outputs.selfUpdate.value | values')
	if [[ $counted && $counted != "${wanted:-false}" ]]; then
		left+=("selfUpdate is $counted, not ${wanted:-false} as asked: the template's description of that parameter says what it needs")
	fi
	if [[ $(updates) == true ]]; then open=''; else open=yes; fi
}

try_template() {
	if change az deployment group create "${where[@]}" --output none 2>"$dir/refusal"; then return; fi
	cat "$dir/refusal" >&2
	return 1
}

foresee() {
	if [[ $exists == true ]]; then
		az deployment group what-if "${where[@]}"
	else
		say "dry run: the resource group does not exist yet, so Azure cannot say what the template would create"
	fi
	deployment=''
}

# recover_or_not: a vault that was deleted is kept, with its name. Whether it is to be
# recovered or made, Azure knows, and refuses the wrong one of both.
recover_or_not() {
	if grep -q 'already exists in deleted state' "$dir/refusal" && [[ $(past='' planned recoverVault) != true ]]; then
		say "the key vault was deleted and is kept: recovering it"
		ask recoverVault true
	elif grep -q SoftDeletedVaultDoesNotExist "$dir/refusal" && [[ $(past='' planned recoverVault) == true ]]; then
		say "there is no deleted key vault to recover"
		ask recoverVault false
	else
		return 1
	fi
}

operations() { look deployment operation group list --resource-group "$group" --name "$deployment"; }

# package_refused: everything that failed is the storing of the package (onedeploy).
package_refused() {
	operations 2>/dev/null | jq -e 'map(.properties | select(.provisioningState == "Failed") | .targetResource.resourceType // "" | ascii_downcase)
		| length > 0 and all(. == "microsoft.web/sites/extensions")' >/dev/null
}
