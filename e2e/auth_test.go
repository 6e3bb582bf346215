package e2e

import (
	"testing"
)

// TestIAMAndSTSWithBoto3 runs testdata/iam.py, whose assertions are its own.
func TestIAMAndSTSWithBoto3(t *testing.T) {
	t.Parallel()
	s := startSigned(t)
	s.boto3("iam.py", account)
	other := s.newAccount("111111111111")
	s.as(other).boto3("iam.py", other.account)
}
