package arm_test

import (
	"slices"
	"strings"

	"azcollector/internal/armtemplate"
)

// selfUpdate tells whether the code may replace itself: nothing without somebody who
// announces releases, keys that sign them, and storage that the platform can read.
func (v variant) selfUpdate(c *court) bool {
	return v.parameter(c, "selfUpdate") == true && textOf(v.parameter(c, "updatePublicKeys")) != "" &&
		v.parameter(c, "storagePublicNetworkAccess") == "Enabled" &&
		(textOf(v.parameter(c, "updateManifestUrl")) != "" || slices.Contains(v.kept(), "UPDATE_MANIFEST_URL"))
}

// judgeUpdates wants the updater to run where there is something to look for, and to
// be told where to keep packages where it may.
func (c *court) judgeUpdates(d *armtemplate.Deployment, v variant) {
	if got := d.Outputs["selfUpdate"]; got != v.selfUpdate(c) {
		c.complain("outputs.selfUpdate: is %v (self-update: %v)", got, v.selfUpdate(c))
	}
	settings, _ := appSettings(d)
	config, manifest := textOf(settings["CONFIG_URL"]), textOf(settings["UPDATE_MANIFEST_URL"])
	if off := textOf(settings["AzureWebJobs.updater.Disabled"]) == "true"; off != (config == "" && manifest == "") {
		c.complain("app setting AzureWebJobs.updater.Disabled: is %v where CONFIG_URL is %q and UPDATE_MANIFEST_URL %q", off, config, manifest)
	}
	want := map[string]string{"UPDATE_PACKAGE_CONTAINER": "", "UPDATE_PACKAGE_IDENTITY": "", packageReader: ""}
	if container := theOne(d, containers, ""); container != nil && v.selfUpdate(c) {
		account, _, _ := strings.Cut(container.Name, "/")
		_, suffix, _ := strings.Cut(textOf(settings["AzureWebJobsStorage__blobServiceUri"]), ".")
		want["UPDATE_PACKAGE_CONTAINER"] = "https://" + account + "." + suffix + "/" + lastName(container)
	}
	if deploy := theOne(d, identities, "-deploy"); deploy != nil && !v.flex(c) {
		if v.selfUpdate(c) {
			want["UPDATE_PACKAGE_IDENTITY"] = deploy.ID
		}
		// Whose blob it is must be known: with the setting the platform may show a
		// token to whatever address stands beside it.
		if v.ownPackage(c, d) {
			want[packageReader] = deploy.ID
		}
	}
	for name, value := range want {
		if got := textOf(settings[name]); got != value {
			c.complain("app setting %s: is %q, must be %q (self-update: %v)", name, got, value, v.selfUpdate(c))
		}
	}
}

// judgeUpdateStep: whoever chooses self-update in the form must say who announces
// releases and who signs them, and what was typed before it was chosen off is forgotten.
func (c *court) judgeUpdateStep(inputs map[string]*input, outputs object) {
	const choice = "steps/updates/selfUpdate"
	for _, chosen := range []bool{true, false} {
		if got, err := formValue(textOf(outputs["selfUpdate"]), object{choice: chosen}); err != nil || got != chosen {
			c.complain("form: output selfUpdate is %v, must be %v", got, chosen)
		}
	}
	for _, name := range []string{"updateManifestUrl", "updatePublicKeys"} {
		for _, in := range c.inputsOf(inputs, "output "+name, textOf(outputs[name])) {
			if in.path == choice {
				continue
			}
			if at(in.object, "constraints", "required") != true {
				c.complain("form: %s may stay empty with self-update", in.path)
			}
			for _, chosen := range []bool{true, false} {
				if shown, err := formValue(textAt(in.object, "visible"), object{choice: chosen}); err != nil || shown != chosen {
					c.complain("form: %s is shown: %v, with self-update: %v", in.path, shown, chosen)
				}
				typed := map[bool]string{true: "typed"}[chosen]
				if got, err := formValue(textOf(outputs[name]), object{choice: chosen, in.path: "typed"}); err != nil || got != typed {
					c.complain("form: output %s is %v, must be %q with self-update: %v", name, got, typed, chosen)
				}
			}
		}
	}
}
