package sim

import (
	"fmt"
	"strconv"
	"strings"
)

// workloads say which records a content type holds. Which RecordType is in
// which content type is not documented; these are where their workloads belong.
// Names and shapes of members follow the Management Activity API schema.
var workloads = map[string][]func(*form){
	"Audit.AzureActiveDirectory": {entraLogon, entraLogon, entraChange},
	"Audit.Exchange":             {exchangeItem, exchangeItem, exchangeAdmin, mailAccess},
	"Audit.SharePoint":           {sharePointFile, sharePointFile, sharePointSharing, sharePointSite},
	"Audit.General":              {teams, teams, yammer, defender, powerBI},
	"DLP.All":                    {dlp},
}

var names = []string{
	"alice", "bob", "Zoë Müller", "Łukasz Żak", "山田 太郎", "Ольга", "O'Brien", "محمد", "🦊 fox", "quoted \"nick\"", `back\slash`,
}

func (f *form) user() {
	user := f.pick(names...) + strconv.Itoa(f.dice.IntN(500))
	switch f.dice.IntN(12) {
	case 0:
		f.strs("UserId", "NT AUTHORITY\\SYSTEM (Microsoft.Exchange.Servicehost)", "UserKey", "Not Available")
	case 1:
		f.strs("UserId", "ServicePrincipal_"+f.guid(), "UserKey", "")
	default:
		f.strs("UserId", user+"@contoso.example", "UserKey", fmt.Sprintf("10032%011X", f.dice.Uint64N(1<<44)))
	}
	f.raw("UserType", strconv.Itoa(f.dice.IntN(11)))
	if f.dice.IntN(4) > 0 {
		f.str("ClientIP", f.pick("203.0.113."+strconv.Itoa(f.dice.IntN(256)), "198.51.100.7:"+strconv.Itoa(1024+f.dice.IntN(60000)), "[2001:db8::555]:12346", "::1", "ffff:10.11.0.229"))
	}
}

// kind writes what every workload has.
func (f *form) kind(recordType int, workload, operation, result string) {
	f.raw("RecordType", strconv.Itoa(recordType))
	f.strs("Workload", workload, "Operation", operation, "ResultStatus", result)
}

// pairs writes an array of {Name, Value}.
func (f *form) pairs(name string, pairs ...string) {
	var list []string
	for i := 0; i+1 < len(pairs); i += 2 {
		list = append(list, `{"Name":`+f.quote(pairs[i])+`,"Value":`+f.quote(pairs[i+1])+`}`)
	}
	f.raw(name, "["+strings.Join(list, ",")+"]")
}

func entraLogon(f *form) {
	f.kind(15, "AzureActiveDirectory", f.pick("UserLoggedIn", "UserLoginFailed"), f.pick("Success", "Failed", "Succeeded"))
	f.raw("AzureActiveDirectoryEventType", "1")
	f.pairs("ExtendedProperties", "ResultStatusDetail", "Redirect", "UserAgent", "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36", "RequestType", "OAuth2:Authorize")
	f.pairs("DeviceProperties", "OS", "Windows 10", "BrowserType", "Edge", "SessionId", f.guid())
	f.raw("Actor", `[{"ID":"`+f.guid()+`","Type":0},{"ID":"user@contoso.example","Type":5}]`)
	f.strs("ActorContextId", f.guid(), "ApplicationId", f.guid(), "ObjectId", f.guid(), "InterSystemsId", f.guid(), "ErrorNumber", "0")
}

func entraChange(f *form) {
	f.kind(8, "AzureActiveDirectory", f.pick("Update user.", "Add member to role.", "Consent to application."), "Success")
	f.raw("AzureActiveDirectoryEventType", "1")
	f.pairs("ExtendedProperties", "additionalDetails", `{"UserType":"Member","Count":12345678901234567890}`, "extendedAuditEventCategory", "User")
	f.raw("ModifiedProperties", `[{"Name":"StrongAuthenticationMethod","NewValue":`+f.quote(`[{"MethodType": 7,"Default": true}]`)+`,"OldValue":"[]"}]`)
	f.raw("Target", `[{"ID":"User_`+f.guid()+`","Type":2},{"ID":`+f.quote(f.pick(names...))+`,"Type":1}]`)
	f.strs("ActorContextId", f.guid(), "IntraSystemId", f.guid(), "SupportTicketId", "")
}

func exchangeAdmin(f *form) {
	f.kind(1, "Exchange", f.pick("Set-Mailbox", "New-InboxRule", "Set-MailboxPlan"), f.pick("True", "TRUE", "False"))
	f.pairs("Parameters", "Identity", "EURP193A005.PROD.OUTLOOK.COM/Microsoft Exchange Hosted Organizations/contoso.example/"+f.pick(names...), "ForwardingSmtpAddress", "smtp:elsewhere@example.org", "DeliverToMailboxAndForward", "True")
	f.raw("ExternalAccess", "false")
	f.strs("ObjectId", `contoso.example\`+f.guid(), "OrganizationName", "contoso.example", "OriginatingServer", "PAXP193MB2425 (15.20.5227.021)", "AppId", "", "SessionId", f.guid())
}

func exchangeItem(f *form) {
	f.kind(2, "Exchange", f.pick("Create", "Update", "SoftDelete"), "Succeeded")
	f.strs("MailboxGuid", f.guid(), "MailboxOwnerSid", "S-1-5-21-1844237615-1844237615-1844237615", "ClientInfoString", "Client=REST;Client=RESTSystem;;")
	f.raw("LogonType", strconv.Itoa(f.dice.IntN(3)))
	f.raw("Item", `{"Attachments":"report.docx (1156492b); `+f.guid()+`.png","Id":"RgAAAAD`+strings.ReplaceAll(f.guid(), "-", "")+`","IsRecord":false,"SizeInBytes":1156492.00,"ParentFolder":{"Path":"\\Calendar"},"Subject":`+f.quote("Réunion "+f.pick(names...)+"\nzweite Zeile\t!")+`}`)
}

func mailAccess(f *form) {
	f.kind(50, "Exchange", "MailItemsAccessed", "Succeeded")
	f.raw("OperationCount", strconv.Itoa(1+f.dice.IntN(100)))
	f.pairs("OperationProperties", "MailAccessType", "Bind", "IsThrottled", "False")
	var items []string
	for range 1 + f.dice.IntN(8) {
		items = append(items, `{"ImmutableId":"`+f.guid()+`","InternetMessageId":"<`+f.guid()+`@contoso.example>","SizeInBytes":`+strconv.Itoa(f.dice.IntN(1<<20))+`}`)
	}
	f.raw("Folders", `[{"FolderItems":[`+strings.Join(items, ",")+`],"Id":"LgAAAABc`+f.guid()+`","Path":"\\Inbox"}]`)
}

func sharePointFile(f *form) {
	f.kind(6, f.pick("SharePoint", "OneDrive"), f.pick("FileAccessed", "FileModified", "FileDownloaded"), "")
	f.strs("SiteUrl", "https://contoso.example/personal/user/", "SourceFileName", "Übersicht "+f.pick(names...)+".xlsx", "SourceFileExtension", "xlsx", "SourceRelativeUrl", "Documents/Q3", "Site", f.guid(), "WebId", f.guid(), "ListItemUniqueId", f.guid(), "ItemType", "File", "EventSource", "SharePoint", "UserAgent", "OneDriveMpc-Transform_Thumbnail/1.0")
	f.raw("AppAccessContext", `{"AADSessionId":"`+f.guid()+`","CorrelationId":"`+f.guid()+`","UniqueTokenId":"`+f.guid()+`"}`)
	f.raw("HighPriorityMediaProcessing", "false")
}

func sharePointSharing(f *form) {
	f.kind(14, "SharePoint", f.pick("AddedToSecureLink", "SharingSet", "AnonymousLinkCreated"), "")
	f.strs("EventData", "<Type>Edit</Type><MembersCanShareApplied>False</MembersCanShareApplied>", "ObjectId", "https://contoso.example/sites/a/Documents/secret.docx", "TargetUserOrGroupName", f.pick(names...)+"#ext#@contoso.example", "TargetUserOrGroupType", "Guest", "UniqueSharingId", f.guid())
}

func sharePointSite(f *form) {
	f.kind(4, "SharePoint", f.pick("PageViewed", "SiteCollectionAdminAdded"), "")
	f.strs("CorrelationId", f.guid(), "Site", f.guid())
}

func teams(f *form) {
	f.kind(25, "MicrosoftTeams", f.pick("TeamsSessionStarted", "MemberAdded", "MessageSent"), "Succeeded")
	f.strs("TeamName", "Team "+f.pick(names...), "TeamGuid", "19:"+f.guid()+"@thread.skype", "ChannelName", "Allgemein ✅")
	f.raw("Members", `[{"DisplayName":`+f.quote(f.pick(names...))+`,"Role":1,"UPN":"a@contoso.example"}]`)
	f.raw("ExtraProperties", `[{"Key":"TimeZone","Value":"Europe/Zürich"},{"Key":"OsName","Value":"windows"}]`)
}

func yammer(f *form) {
	f.kind(22, "Yammer", f.pick("MessageUpdated", "GroupCreation"), "TRUE")
	f.raw("YammerNetworkId", "5846122497")
	f.raw("ActorYammerUserId", "1234567890123456789012")
	f.strs("VersionId", "null", "GroupName", f.pick(names...))
}

func defender(f *form) {
	f.kind(28, "ThreatIntelligence", "TIMailData", "")
	f.raw("AttachmentData", "[]")
	f.raw("Latitude", "4.70000000000000000001e1")
	f.raw("PhishConfidenceLevel", "null")
	f.strs("NetworkMessageId", f.guid(), "SenderIp", "192.0.2.1", "Subject", "Ihr Paket \u2028 wartet", "Verdict", "Phish", "EventDeepLink", "https://security.example/?hash=<a href='x'>&y=1")
}

func powerBI(f *form) {
	f.kind(20, "PowerBI", "ViewReport", "")
	f.strs("Activity", "ViewReport", "WorkSpaceName", "Umsatz", "ReportName", f.pick(names...), "DatasetId", f.guid(), "RequestId", f.guid(), "ActivityId", f.guid())
	f.raw("IsSuccess", "true")
}

func dlp(f *form) {
	f.kind([]int{11, 13}[f.dice.IntN(2)], "Exchange", f.pick("DlpRuleMatch", "DLPRuleMatch"), "")
	f.str("IncidentId", f.guid())
	f.raw("SensitiveInfoDetectionIsIncluded", "true")
	f.raw("PolicyDetails", `[{"PolicyId":"`+f.guid()+`","PolicyName":"Kreditkarten","Rules":[{"RuleMode":"Enable","Severity":"Low","ConditionsMatched":{"SensitiveInformation":[{"Confidence":85,"Count":1,"SensitiveType":"50842eb7-edc8-4019-85dd-5a5c1f2bb085"}]}}]}]`)
}

// large adds an investigation's Data, JSON in a string, as the largest records have it.
func (f *form) large() {
	var b strings.Builder
	b.WriteString(`{"Version":"3.0","Entities":[`)
	for size := 2000 + f.dice.IntN(13000); b.Len() < size; {
		fmt.Fprintf(&b, `{"$id":"%d","Recipient":"%s@contoso.example","Urn":"urn:MailEntity:%s","Threats":["ZapPhish"]},`, b.Len(), f.pick(names[:5]...), f.guid())
	}
	b.WriteString(`{}]}`)
	f.str("Data", b.String())
}
