# Who is logged in, what there is already, and the group that it is in.
# Part of scripts/deploy, which sources it and has its variables.
# shellcheck shell=bash disable=SC2154

read_login() {
	local account
	account=$(look account show 2>/dev/null) || refuse "az is not logged in: az login --tenant TENANT, then az account set --subscription SUBSCRIPTION"
	tenant=$(jq -r .tenantId <<<"$account")
	subscription=$(jq -r .id <<<"$account")
	say "subscription $(jq -r .name <<<"$account") ($subscription), tenant $tenant"

	cloud=$(look cloud show)
	graph=$(jq -r '.endpoints.microsoftGraphResourceId | rtrimstr("/")' <<<"$cloud")
	manager=$(jq -r '.endpoints.resourceManager | rtrimstr("/")' <<<"$cloud")
	portal=https://portal.azure.com issuer=https://login.microsoftonline.com audience=api://AzureADTokenExchange
	cloud=$(jq -r .name <<<"$cloud")
	# Microsoft Learn, "Configure an application to trust a managed identity"; the
	# authorities are those of internal/microsoft/cloud.go.
	case $cloud in
	AzureUSGovernment) portal=https://portal.azure.us issuer=https://login.microsoftonline.us audience=api://AzureADTokenExchangeUSGov ;;
	AzureChinaCloud)
		portal=https://portal.azure.cn issuer=https://login.partner.microsoftonline.cn audience=api://AzureADTokenExchangeChina
		ask azureCloud china ;;
	esac
	issuer=$issuer/$tenant/v2.0
}

# find_site tells the function app's resource id, or nothing.
find_site() {
	look functionapp list --resource-group "$group" | jq -r --arg name "$name" 'map(select(.name | ascii_downcase == $name)) | .[0].id // ""'
}

# read_past learns what was deployed under this name: the parameters of the last good
# deployment (Azure keeps no secure ones), the settings that lead into the vault, where
# the package is that an Elastic Premium app runs from, and where a site that updates
# itself keeps newer ones: the history alone may be gone.
read_past() {
	past='' in_vault='' site='' good='' runs='' keeps=''
	local last present
	exists=$(look group exists --name "$group")
	if [[ $exists != true ]]; then return; fi
	last=$(look deployment group list --resource-group "$group" | jq -c --arg name "$name" '
		map(select(.properties.provisioningState == "Succeeded"
			and (.properties.parameters.appName.value // "" | ascii_downcase) == $name))
		| sort_by(.properties.timestamp) | last // {}')
	good=$(jq -r '.name // ""' <<<"$last")
	past=$(jq -r '.properties.parameters // {} | to_entries[] | select(.value | has("value"))
		| "\(.key)\t\(.value.value | if type == "string" then . else tojson end)"' <<<"$last")
	site=$(find_site)
	if [[ ! $site ]]; then return; fi
	present=$(look functionapp config appsettings list --resource-group "$group" --name "$name")
	in_vault=$(jq -r '.[] | select(.value // "" | startswith("@Microsoft.KeyVault(")) | .name' <<<"$present" | words)
	runs=$(jq -r '.[] | select(.name == "WEBSITE_RUN_FROM_PACKAGE") | .value // ""' <<<"$present")
	keeps=$(jq -r '.[] | select(.name == "UPDATE_PACKAGE_CONTAINER") | .value // ""' <<<"$present")
}

# mentions tells whether a parameter is in such lines, even with nothing as its value.
mentions() { grep -q "^$1"$'\t' <<<"$2"; }

# planned tells a parameter as it is asked for now, or else as an earlier run left it.
planned() {
	local parameter text value=''
	while IFS=$'\t' read -r parameter text; do
		if [[ $parameter == "$1" ]]; then value=$text; fi
	done <<<"$past"$'\n'"$asked"
	printf '%s' "$value"
}

check_tenant() {
	local before
	before=$(planned appTenantId)
	if [[ $before && $(lower "$before") != "$tenant" ]]; then
		refuse "$name collects from tenant $before, and az is logged in to $tenant: az login --tenant $before"
	fi
	if [[ $cloud == AzureUSGovernment && ! $(planned azureCloud) =~ ^(gcchigh|dod)$ ]]; then
		refuse "in Azure Government say where Microsoft 365 is: --set AZURE_CLOUD=gcchigh or --set AZURE_CLOUD=dod"
	fi
}

register_providers() {
	local registered p wanted=(Microsoft.Web Microsoft.Storage Microsoft.KeyVault Microsoft.ManagedIdentity Microsoft.OperationalInsights Microsoft.Insights)
	# The subnet of a Flex Consumption app is delegated to it.
	if [[ $(planned subnetResourceId) ]]; then wanted+=(Microsoft.App); fi
	registered=$(look provider list | jq -r '.[] | select(.registrationState == "Registered") | .namespace')
	for p in "${wanted[@]}"; do
		grep -qix "$p" <<<"$registered" || change az provider register --namespace "$p" --wait --only-show-errors ||
			left+=("registration of the resource provider $p, by a Contributor of the subscription: az provider register --namespace $p")
	done
}

make_group() {
	if [[ $exists == true ]]; then return; fi
	[[ $location ]] || refuse "resource group $group does not exist: say with --location where to create it"
	change az group create --name "$group" --location "$location" --only-show-errors --output none
}
