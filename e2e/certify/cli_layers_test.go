package certify

import (
	"os"
	"path/filepath"
	"strings"
)

// cliLayers publishes versions of a layer, gives one to a function, and takes them
// away.
func cliLayers(c *cli) {
	t := c.t
	zip := c.file("layer.zip", zippedAs(t, "python/dep.py", "VALUE = 7"))
	publish := "publish-layer-version --layer-name dep --description d --license-info MIT --compatible-runtimes python3.12 --compatible-architectures x86_64 --zip-file " + zip
	arn := c.run(publish).at("LayerVersionArn")
	same(t, "version", c.run("publish-layer-version --layer-name dep --zip-file "+zip).at("Version"), "2")
	c.refused("ValidationException", "publish-layer-version --layer-name dep --compatible-runtimes cobol85 --zip-file "+zip)
	same(t, "license", c.run("get-layer-version --layer-name dep --version-number 1").at("LicenseInfo"), "MIT")
	same(t, "layer", c.run("get-layer-version-by-arn --arn "+arn).at("LayerArn"), strings.TrimSuffix(arn, ":1"))
	same(t, "layers", c.run("list-layers --compatible-runtime python3.12").each("Layers", "LatestMatchingVersion.Version"), "1")
	same(t, "versions", c.run("list-layer-versions --layer-name dep --page-size 1").each("LayerVersions", "Version"), "2 1")

	made := c.run("create-function --function-name layered --runtime python3.12 --handler handler.handler --timeout 30 --role " + functionRole +
		" --layers " + arn + " --zip-file " + c.file("layered.zip", zipped(t, layeredHandler)))
	same(t, "layer", made.at("Layers.0.Arn"), arn)
	c.run("delete-layer-version --layer-name dep --version-number 1")
	c.refused("ResourceNotFoundException", "get-layer-version --layer-name dep --version-number 1")
	c.refused("InvalidParameterValueException", "update-function-configuration --function-name layered --layers "+arn)
	c.run("invoke --function-name layered out")
	if out, err := os.ReadFile(filepath.Join(c.dir, "out")); err != nil || string(out) != "7" {
		t.Errorf("with a layer that is deleted: %s, %v", out, err)
	}
	c.run("delete-function --function-name layered")

	permission := " --layer-name dep --version-number 2 --statement-id s"
	c.run("add-layer-version-permission --action lambda:GetLayerVersion --principal 123456789012" + permission)
	c.refused("ResourceConflictException", "add-layer-version-permission --action lambda:GetLayerVersion --principal *"+permission)
	if policy := c.run("get-layer-version-policy --layer-name dep --version-number 2").at("Policy"); !strings.Contains(policy, `"Sid":"s"`) {
		t.Errorf("policy %s", policy)
	}
	c.refused("PreconditionFailedException", "remove-layer-version-permission --revision-id old"+permission)
	c.run("remove-layer-version-permission" + permission)
	c.refused("ResourceNotFoundException", "get-layer-version-policy --layer-name dep --version-number 2")
	c.run("delete-layer-version --layer-name dep --version-number 2")
}
