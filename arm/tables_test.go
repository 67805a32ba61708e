package arm_test

// A decision about a setting that no parameter sets.
type decision struct {
	set bool // the template gives it a value of its own
	why string
}

// decided are the settings that are no parameters.
var decided = map[string]decision{
	"APP_FEDERATED_IDENTITY":               {true, "the run identity, if useManagedIdentityCredential"},
	"APP_SUBSCRIPTION_ID":                  {true, "subscription()"},
	"APP_RESOURCE_GROUP":                   {true, "resourceGroup()"},
	"AzureWebJobsStorage__blobServiceUri":  {true, "the state account, reached as the run identity"},
	"AzureWebJobsStorage__queueServiceUri": {true, "likewise"},
	"AzureWebJobsStorage__tableServiceUri": {true, "likewise"},
	"AzureWebJobsStorage__clientId":        {true, "the run identity"},
	"AzureWebJobsStorage__accountName":     {false, "the three addresses say the same, and are right in every cloud"},
	"AzureWebJobsStorage":                  {false, "a connection string holds a key; the account has none"},
	"WEBSITE_SITE_NAME":                    {false, "Azure sets it"},
	"WEBSITE_HOSTNAME":                     {false, "Azure sets it"},
	"STATE_DIR":                            {false, "self-hosted only"},
	"UPDATE_PACKAGE_CONTAINER":             {true, "the package container, with selfUpdate"},
	"UPDATE_PACKAGE_IDENTITY":              {true, "the deploy identity, with selfUpdate on Elastic Premium"},
	"LISTEN":                               {false, "self-hosted only"},
	"WEBHOOK_PATH":                         {false, "self-hosted only"},
	"TLS_CERT":                             {false, "self-hosted only"},
	"TLS_KEY":                              {false, "self-hosted only"},
	"LISTEN_INSECURE":                      {false, "self-hosted only"},
	"MAX_CONNECTIONS":                      {false, "self-hosted only"},
}

// ownDefault are parameters whose default is not the program's.
var ownDefault = map[string]string{
	"UPDATER_SCHEDULE":           "not all deployments may ask in the same minute: spread by the resource group's id",
	"APP_TENANT_ID":              "the subscription's tenant, as in the template of the collector that came before",
	"AZURE_RESOURCE_MANAGER_URL": "that of the cloud deployed to: Microsoft 365 may be in another one",
	"PUBLIC_URL":                 "the program makes it of WEBSITE_HOSTNAME, which Azure sets",
}

// platform are app settings that the Functions host reads and not the program.
// (learn.microsoft.com, "App settings reference for Azure Functions".)
var platform = map[string]struct {
	premiumOnly bool
	why         string
}{
	"AzureWebJobsStorage__credential":           {false, "the host's storage: a managed identity"},
	"APPLICATIONINSIGHTS_CONNECTION_STRING":     {false, "where the host sends logs; no secret while local authentication is off"},
	"APPLICATIONINSIGHTS_AUTHENTICATION_STRING": {false, "as whom"},
	"FUNCTIONS_EXTENSION_VERSION":               {true, "Flex Consumption has it in functionAppConfig"},
	"FUNCTIONS_WORKER_RUNTIME":                  {true, "likewise"},
	"WEBSITE_RUN_FROM_PACKAGE":                  {true, "Flex Consumption deploys with onedeploy"},
	packageReader:                               {true, "as whom the platform reads WEBSITE_RUN_FROM_PACKAGE, where that is a blob of ours"},
}

// ignored are parameters that are declared and lead nowhere, on purpose.
var ignored = map[string]string{
	"Storage Name":         "the earlier collector's account is not taken over",
	"Service Principal ID": "we need no role for the app registration",
	"Repository URL":       "code comes as a package",
	"Repository Branch":    "code comes as a package",
}

// apiVersions are versions that others deploy with. Samples: Azure-Samples,
// azure-functions-flex-consumption-samples, IaC/armtemplate and IaC/bicep.
var apiVersions = map[string]struct{ version, source string }{
	"Microsoft.ManagedIdentity/userAssignedIdentities":          {"2023-01-31", "samples"},
	"Microsoft.Storage/storageAccounts":                         {"2024-01-01", "samples"},
	"Microsoft.Storage/storageAccounts/blobServices/containers": {"2024-01-01", "samples"},
	"Microsoft.KeyVault/vaults":                                 {"2025-05-01", "Azure/bicep-types-az, generated/keyvault/microsoft.keyvault/2025-05-01"},
	"Microsoft.KeyVault/vaults/secrets":                         {"2025-05-01", "likewise"},
	"Microsoft.OperationalInsights/workspaces":                  {"2025-02-01", "samples"},
	"Microsoft.Insights/components":                             {"2020-02-02", "samples"},
	"Microsoft.Insights/workbooks":                              {"2023-06-01", "learn.microsoft.com/azure/templates/microsoft.insights/workbooks"},
	"Microsoft.Insights/actionGroups":                           {"2023-01-01", "Pulumi azure-native, which names it as its REST version"},
	"Microsoft.Insights/scheduledQueryRules":                    {"2021-08-01", "learn.microsoft.com/azure/templates/microsoft.insights/2021-08-01/scheduledqueryrules"},
	"Microsoft.Authorization/roleAssignments":                   {"2022-04-01", "samples"},
	"Microsoft.Web/serverfarms":                                 {"2024-04-01", "samples"},
	"Microsoft.Web/sites":                                       {"2024-04-01", "samples"},
	"Microsoft.Web/sites/config":                                {"2024-04-01", "samples"},
	"Microsoft.Web/sites/basicPublishingCredentialsPolicies":    {"2024-04-01", "samples"},
	"Microsoft.Web/sites/extensions":                            {"2025-03-01", "polymind-inc/acmebot, deploy/azuredeploy.bicep (onedeploy)"},
}

// nameLimits are the lengths that names may have. (learn.microsoft.com, "Naming rules
// and restrictions for Azure resources"; the names of workbooks and assignments are
// GUIDs.)
var nameLimits = map[string]struct{ least, most int }{
	"Microsoft.ManagedIdentity/userAssignedIdentities":          {3, 128},
	"Microsoft.Storage/storageAccounts":                         {3, 24},
	"Microsoft.Storage/storageAccounts/blobServices/containers": {3, 63},
	"Microsoft.KeyVault/vaults":                                 {3, 24},
	"Microsoft.KeyVault/vaults/secrets":                         {1, 127},
	"Microsoft.OperationalInsights/workspaces":                  {4, 63},
	"Microsoft.Insights/components":                             {1, 260},
	"Microsoft.Insights/workbooks":                              {36, 36},
	"Microsoft.Insights/actionGroups":                           {1, 260},
	"Microsoft.Insights/scheduledQueryRules":                    {1, 260},
	"Microsoft.Authorization/roleAssignments":                   {36, 36},
	"Microsoft.Web/serverfarms":                                 {1, 60},
	"Microsoft.Web/sites":                                       {2, 60},
	"Microsoft.Resources/deployments":                           {1, 64},
}

// fixedNames are types whose names are not ours to choose.
var fixedNames = []string{"Microsoft.Web/sites/config", "Microsoft.Web/sites/basicPublishingCredentialsPolicies", "Microsoft.Web/sites/extensions"}

// A grant is one that the template may make, by the names below.
type grant struct{ who, role, on string }

// roles are the built-in ones that we use. (learn.microsoft.com, "Azure built-in roles".)
var roles = map[string]string{
	"b7e6dc6d-f1e8-4753-8033-0f276bb0955b": "Storage Blob Data Owner",
	"ba92f5b4-2d11-453d-a403-e96b0029c9fe": "Storage Blob Data Contributor",
	"2a2b9908-6ea1-4ae2-8e65-a410df84e7d1": "Storage Blob Data Reader",
	"974c5e8b-45b9-4653-ba55-5f855dd0fb88": "Storage Queue Data Contributor",
	"0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3": "Storage Table Data Contributor",
	"4633458b-17de-408a-b874-0445c86b69e6": "Key Vault Secrets User",
	"3913510d-42f4-4e42-8a64-420c390055eb": "Monitoring Metrics Publisher",
	"db58b8e5-c6ad-4a2a-8342-4190687cbf4a": "Storage Blob Delegator",
	"de139f84-1756-47ae-9be6-808fbbe84772": "Website Contributor",
}

// Who gets what: the least that works, and why.
var (
	always = map[grant]string{
		{"run", "Storage Blob Data Owner", "state"}:        "the host's locks and keys, our payloads",
		{"run", "Storage Queue Data Contributor", "state"}: "the queue trigger, and waking it",
		{"run", "Storage Table Data Contributor", "state"}: "the ledger",
		{"run", "Key Vault Secrets User", "vault"}:         "references in app settings",
		{"run", "Monitoring Metrics Publisher", "logs"}:    "logs without a key",
	}
	withPackages = map[grant]string{
		{"deploy", "Storage Blob Data Reader", "package"}: "the platform fetches the package",
	}
	onFlex = map[grant]string{
		{"deploy", "Storage Blob Data Contributor", "package"}: "the platform stores it; taken away again after deployment",
	}
	withSelfUpdate = map[grant]string{
		{"run", "Website Contributor", "site"}:              "onedeploy, or the package's address",
		{"run", "Storage Blob Data Contributor", "package"}: "keeps verified packages",
	}
	// learn.microsoft.com, "Get User Delegation Key", Permissions: who has a role on a
	// container gets this one on the account.
	withSelfUpdateOnFlex = map[grant]string{
		{"run", "Storage Blob Delegator", "package account"}: "an address that onedeploy can read",
	}
)

// older are the names of the collector that came before, beside ours; both
// generations of its template (alertlogic/azure-collector, template.json at commits
// 042d7c3b and ddc60020).
var older = map[string]string{
	"Name": "appName", "Alert Logic Access Key ID": "appAlAccessKeyId", "Alertlogic Access Key Id": "appAlAccessKeyId",
	"Alert Logic Secret Key": "appAlSecretKey", "Alertlogic Secret Key": "appAlSecretKey",
	"Alert Logic API endpoint": "appAlApiEndpoint", "Alertlogic API endpoint": "appAlApiEndpoint",
	"Alert Logic Data Residency": "appAlResidency", "Alertlogic Data Residency": "appAlResidency",
	"Office365 Content Streams": "o365ContentStreams", "Office365 Tenant Id": "appTenantId",
	"App Client ID": "appClientId", "App Client Secret": "appClientSecret",
	"Storage Name": "", "Service Principal ID": "", "Repository URL": "", "Repository Branch": "",
}
