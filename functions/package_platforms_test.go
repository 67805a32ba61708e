package main

import (
	"os"
	"path/filepath"
	"testing"
)

// Four programs take minutes to build, so only scripts/soak makes them.
func TestPackageForEveryPlatform(t *testing.T) {
	if os.Getenv("SOAK") == "" {
		t.Skip("scripts/soak runs it")
	}
	made := makeRelease(t, "..", nil)
	checkSums(t, made, "azcollector_9.8.7.cdx.json", "azcollector_9.8.7_darwin_arm64.tar.gz", "azcollector_9.8.7_linux_amd64.tar.gz",
		packaged, "azcollector_9.8.7_linux_arm64.tar.gz", "azcollector_9.8.7_windows_amd64.zip", "azuredeploy.json", "createUiDefinition.json")
	for file, platform := range map[string][2]string{
		"darwin_arm64.tar.gz": {"darwin", "arm64"}, "linux_amd64.tar.gz": {"linux", "amd64"},
		"linux_arm64.tar.gz": {"linux", "arm64"}, "windows_amd64.zip": {"windows", "amd64"},
	} {
		checkArchive(t, filepath.Join(made, "azcollector_9.8.7_"+file), platform[0], platform[1])
	}
}
