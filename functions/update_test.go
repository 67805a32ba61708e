package main

import (
	"strings"
	"testing"

	releases "azcollector/internal/release"
	"azcollector/internal/sim"
)

// A collector in Azure takes a release by itself, on both plans, and leaves one that
// does not work. What is not signed, or not what was signed, is never run.
func TestUpdateInAzure(t *testing.T) {
	t.Parallel()
	for name, premium := range map[string]bool{"Flex Consumption": false, "Elastic Premium": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCloud(t, premium)
			c.timer("master") // registers, and looks for a release: there is no manifest
			c.timer("master") // tells of it
			c.tells("AZC1403", "answers 404")

			c.announce("1.1.1", madePackage(t, "1.1.1", buildProgram(t, "1.1.4")), func(m *releases.Manifest) { m.SHA256 = sumOf([]byte("another")) })
			c.nothing("its sha256 is")
			// A release is never another one, so the next has another version.
			c.announce("1.1.2", madePackage(t, "1.1.2", []byte("#!/bin/sh\nexit 1\n")))
			c.nothing("try release 1.1.2", "ended without saying")
			c.announce("1.1.3", madePackage(t, "1.1.3", buildProgram(t, "1.1.4")))
			c.nothing(`it is version "v1.1.4"`)

			c.announce("1.1.4", madePackage(t, "1.1.4", nil))
			world := c.world
			world.Dial.Set(sim.Rule{Op: ask(premium), Kind: sim.Throttle, RetryAfter: "30", Count: 1})
			c.nothing("release 1.1.4 is not taken yet", "429")
			if said := c.say("update"); !strings.Contains(said, "next run of master") {
				t.Errorf("update: %s", said)
			}
			c.timer("master")
			c.follows("1.1.4")
			c.tells("release", "1.1.4 is asked for since")
			c.timer("master")
			c.tells("1.1.4 runs since")
			c.timer("pull")
			c.timer("master")
			c.tells("the newest that was announced is 1.1.4")
			if strings.Contains(c.say("status"), "AZC140") {
				t.Error("something is wrong still")
			}

			c.announce("1.2.0", madePackage(t, "1.2.0", nil))
			c.timer("updater")
			// The platform's answer is lost, and the process killed before it knows.
			world.Dial.Set(sim.Rule{Op: ask(premium), Kind: sim.ResetAfter, Count: 1})
			c.timer("master")
			c.follows("1.2.0")
			world.ExpireSecret(true)
			world.RevokeTokens()
			for range 3 {
				if c.follow() {
					t.Fatal("it gives up too early")
				}
				c.timer("master")
			}
			c.follows("1.1.4")
			world.ExpireSecret(false)
			for range 2 {
				c.timer("master")
				c.timer("updater")
			}
			if c.follow() {
				t.Error("it takes the refused release again")
			}
			c.timer("master")
			c.tells("1.2.0 is not taken any more", "AZC1404", "AZC1002")
			if doctor := c.say("doctor"); !strings.Contains(doctor, "the newest is 1.2.0") {
				t.Errorf("doctor: %s", doctor)
			}
			world.RequireClean(t)
		})
	}
}

// ask is how Azure is asked for another package.
func ask(premium bool) string {
	if premium {
		return sim.OpSettingsWrite
	}
	return sim.OpOneDeploy
}

// nothing runs the updater, which takes nothing, and says why.
func (c *cloud) nothing(words ...string) {
	c.Helper()
	c.timer("updater")
	c.timer("master")
	if c.follow() {
		c.Fatalf("Azure was asked for another package: %v", words)
	}
	c.timer("master")
	c.tells(append(words, "AZC1403")...)
}

// follows fails unless Azure was told to run another package, which is of a version.
func (c *cloud) follows(version string) {
	c.Helper()
	if !c.follow() {
		c.Fatalf("Azure was not asked for %s:\n%s", version, c.say("status"))
	}
	soon(c.T, version+" runs", func() bool { return strings.Contains(c.app.log.String(), `"version":"v`+version+`"`) })
}
