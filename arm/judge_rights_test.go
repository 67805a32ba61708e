package arm_test

import (
	"slices"

	"azcollector/internal/armtemplate"
)

const assignments = "Microsoft.Authorization/roleAssignments"

// selfUpdateIDs is the one output that may name what is not deployed.
const selfUpdateIDs = "selfUpdateAssignmentIds"

// judgeSelfUpdateIDs: a deployment without self-update takes away nothing that an
// earlier one gave. So the ids of what it gives must be known whether it is given or
// not: what the run identity has with self-update and has not without.
func (c *court) judgeSelfUpdateIDs(d *armtemplate.Deployment, v variant) {
	on, err := c.parsed.Deploy(v.scope(), with(v.given, "selfUpdate", true, "updateManifestUrl", "https://releases.example/m", "updatePublicKeys", "a key", "storagePublicNetworkAccess", "Enabled"))
	if err != nil {
		return // judgeVariant tells why
	}
	off, err := c.parsed.Deploy(v.scope(), with(v.given, "selfUpdate", false))
	if err != nil {
		return
	}
	var given, told []string
	for _, x := range deployed(on, assignments) {
		if without := off.Find(x.ID); c.grant(on, x).who == "run" && (without == nil || !without.Enabled) {
			given = append(given, x.ID)
		}
	}
	listed, _ := d.Outputs[selfUpdateIDs].(list)
	for _, id := range listed {
		told = append(told, textOf(id))
	}
	slices.Sort(given)
	slices.Sort(told)
	if !slices.Equal(told, given) {
		c.complain("outputs.%s: is %v, must be %v", selfUpdateIDs, told, given)
	}
}

// judgeSeal: scripts/deploy deletes the assignment that this output names.
func (c *court) judgeSeal(d *armtemplate.Deployment) {
	writer := ""
	for _, x := range deployed(d, assignments) {
		if c.grant(d, x) == (grant{"deploy", "Storage Blob Data Contributor", "package"}) {
			writer = x.ID
		}
	}
	if got := textOf(d.Outputs["packageWriteAssignmentId"]); got != writer {
		c.complain("outputs.packageWriteAssignmentId: is %q, must be %q", got, writer)
	}
}
