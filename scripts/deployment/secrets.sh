# Secrets: which are wanted, where they come from, and whether the app has read them.
# Part of scripts/deploy, which sources it and has its variables.
# shellcheck shell=bash disable=SC2154

choose_credential() {
	if [[ ! $credential ]]; then
		case $in_vault in
		*APP_CLIENT_CERTIFICATE*) credential=certificate ;;
		*APP_CLIENT_SECRET*) credential=secret ;;
		*) credential=federated ;;
		esac
	fi
	app=${app:-$(planned appClientId)}
	if [[ $credential != federated && ! $app ]]; then
		refuse "--credential $credential needs --app-id: a registration that has it already. Or leave --credential away: then there is no secret"
	fi
	if [[ $credential == federated && ${APP_CLIENT_SECRET-} ]]; then
		say "APP_CLIENT_SECRET is not used: the credential is federated (--credential secret to use it)"
	fi
	ask useManagedIdentityCredential "$(jq -n --arg c "$credential" '$c == "federated"')"
}

# known_secrets lists the settings behind the template's secure parameters (appClientId
# is APP_CLIENT_ID). Names with spaces are another collector's.
known_secrets() {
	jq -r '.parameters | to_entries[]
		| select((.value.type | ascii_downcase) == "securestring" and (.key | test(" ") | not))
		| .key | gsub("(?<c>[A-Z])"; "_" + .c) | ascii_upcase' "$template"
}

# wanted_secrets are those that fit the credential.
wanted_secrets() {
	local s
	for s in $(known_secrets); do
		case $credential/$s in
		secret/APP_CLIENT_SECRET | certificate/APP_CLIENT_CERTIFICATE*) echo "$s" ;;
		*/APP_CLIENT_SECRET | */APP_CLIENT_CERTIFICATE*) ;;
		*) echo "$s" ;;
		esac
	done
}

# read_secrets puts what is given into a file that only we can read, and lists what
# is kept in the vault.
read_secrets() {
	printf '{}' >"$dir/secrets.json"
	given='' kept=''
	local s file have
	for s in $forgotten; do
		among "$s" "$(known_secrets | words)" || refuse "--forget $s: the template has no such secret; there are $(known_secrets | words)"
	done
	while read -r s; do
		file=${s}_FILE file=${!file-} have=
		if [[ $file ]]; then
			[[ -r $file ]] || refuse "${s}_FILE names $file, which cannot be read"
			have='file'
		elif [[ ${!s-} ]]; then
			have=environment
		fi
		if [[ ! $have ]]; then
			if among "$s" "$in_vault" && ! among "$s" "$forgotten"; then kept+=" $s"; fi
			continue
		fi
		if among "$s" "$forgotten"; then refuse "--forget $s: it is also given, in the environment or by ${s}_FILE"; fi
		given+=" $s"
		keep_secret "$s" "$have" "$file"
	done < <(wanted_secrets)
	require_secrets
}

# keep_secret never lets a secret become an argument: others see those. A PFX file is
# binary and travels in base64. In a dry run secrets are looked at, and not handed on.
keep_secret() {
	local s=$1 have=$2 file=$3 p
	p=$(parameter "$s")
	if [[ $have == environment ]]; then printf '%s' "${!s}"; else cat "$file"; fi >"$dir/text"
	# An empty one would count as given, and the template takes it for not given.
	LC_ALL=C grep -qa '[^[:space:]]' "$dir/text" ||
		refuse "$s is given and empty, in the environment or in the file that ${s}_FILE names; without both it is not given"
	if [[ $s == APP_CLIENT_CERTIFICATE && $have == file ]] && ! grep -qa -- '-----BEGIN' "$dir/text"; then
		base64 <"$dir/text" | tr -d '\n' >"$dir/pfx"
		mv "$dir/pfx" "$dir/text"
	fi
	if [[ $dry ]]; then printf 'given, and not handed on in a dry run' >"$dir/text"; fi
	jq -c --arg p "$p" --rawfile v "$dir/text" '.[$p] = ($v | rtrimstr("\n") | rtrimstr("\r"))' "$dir/secrets.json" >"$dir/next.json"
	rm -f "$dir/text"
	mv "$dir/next.json" "$dir/secrets.json"
}

require_secrets() {
	local s need=()
	case $credential in
	secret) need+=(APP_CLIENT_SECRET) ;;
	certificate) need+=(APP_CLIENT_CERTIFICATE) ;;
	esac
	if [[ $(planned sink) =~ ^(alertlogic)?$ ]]; then need+=(APP_AL_ACCESS_KEY_ID APP_AL_SECRET_KEY); fi
	for s in ${need[@]+"${need[@]}"}; do
		if among "$s" "$forgotten"; then refuse "--forget $s: it is needed; give another one instead"; fi
		if ! among "$s" "$given $kept"; then
			refuse "$s is missing: put it into the environment, or its file's path into ${s}_FILE"
		fi
	done
	# Without these the template would give no rights, and without keys for its manifest
	# the collector would not start.
	if [[ $(planned selfUpdate) == true ]] && ! among UPDATE_MANIFEST_URL "$given $kept"; then
		refuse "--self-update needs UPDATE_MANIFEST_URL, in the environment or in the file that UPDATE_MANIFEST_URL_FILE names; --no-self-update leaves it off"
	fi
	if [[ $(planned selfUpdate) == true && $(planned storagePublicNetworkAccess) == Disabled ]]; then
		refuse "self-update does not go with storagePublicNetworkAccess=Disabled, since Azure could not fetch the package: --set storagePublicNetworkAccess=Enabled, or --no-self-update"
	fi
	if among UPDATE_MANIFEST_URL "$given $kept" && [[ ! $(planned updatePublicKeys) ]]; then
		refuse "UPDATE_MANIFEST_URL needs the keys that sign releases: --set UPDATE_PUBLIC_KEYS=KEY (several with commas)"
	fi
}

# The settings that lead into the vault ("WebApps_GetAppSettingsKeyVaultReferences" of
# Azure's REST reference). The platform reads them once a day; a site that ran before
# must be told (App Service, "Use Key Vault references", rotation).
references() { printf '%s' "$manager$site/config/configreferences/appsettings$1?api-version=2022-03-01"; }

read_again() {
	change az rest --method POST --url "$(references /refresh)" --only-show-errors --output none
	change az functionapp restart --resource-group "$group" --name "$name" --only-show-errors
}

take_new_secrets() {
	if [[ $ran_before && $given ]]; then read_again; fi
}

# wait_for_secrets: a site may start before its identity may read the vault, and then
# goes on with what it could not read.
wait_for_secrets() {
	local i unresolved
	for ((i = 0; i < looks; i++)); do
		unresolved=$(look rest --method GET --url "$(references '')" 2>"$dir/refusal" |
			jq -r '.value // [] | map(select(.properties.status != "Resolved") | "\(.name) (\(.properties.status))") | join(", ")') || {
			say "whether the vault's secrets arrived cannot be seen: $(head -n 1 "$dir/refusal")"
			return
		}
		if [[ ! $unresolved ]]; then return; fi
		if ((i % per_minute == 0)); then read_again; fi
		sleep "$pause"
	done
	fail "not read from the key vault after $((pause * looks / 60)) minutes: $unresolved. Does $name-run have Key Vault Secrets User there, is the secret in it, and does a firewall let the app through? Then run this again"
}
