package transport

// codeRules maps the API's error codes to their kinds and to advice. A rule has one or more patterns, separated by
// blanks, in which "*" stands for any sequence of characters; the first rule that matches wins. A rule with class 0
// marks codes that belong to no kind: states, quotas and limits, for which neither a retry nor a permission helps. The
// API has several spellings for the same code, including misspellings.
var codeRules = []struct {
	patterns string
	class    Class
	advice   string
}{
	{"Throttling*", Throttled, ""},
	{"DryRunOperation", 0, ""}, // the dry run passed

	// Failures of the service.
	{"InternalError* ServiceUnavailable* UnknownError RequestTimeout InnerServiceFailed NodeControllerUnavailable", transient, ""},
	{"SignatureNonceUsed", transient, ""}, // a proxy or network device sent the same request twice

	// Keys, signatures and time.
	{"InvalidTimeStamp.Expired IllegalTimestamp", Credentials | skew, "set this machine's clock"},
	{"InvalidTimeStamp*", Credentials, ""},
	{"InvalidSecurityToken.MismatchWithAccessKey", Credentials | renewKey, "the token belongs to another key: set the id, secret and token of the same key"},
	{"InvalidSecurityToken*", Credentials | renewKey, "get new temporary credentials"},
	{"MissingSecurityToken", Credentials | renewKey, "this temporary key requires its security token: set both"},
	{"InvalidAccessKeyId.Inactive Forbidden.AccessKeyDisabled", Credentials | renewKey, "the access key is disabled: enable it or use another"},
	{"InvalidAccessKeyId*", Credentials | renewKey, "check the access key id: it is unknown or disabled"},
	{"MissingAccessKeyId", Credentials, "the request reached the API without its access key id: check the proxies"},
	{"SignatureDoesNotMatch IncompleteSignature", Credentials, "check the access key secret"},

	// Denials that no permission can resolve.
	{"Forbidden.RiskControl", Forbidden, "the account is under risk control: contact the vendor"},
	{
		"Forb*.NotSupportRAM Forb*.SubUser", Forbidden,
		"RAM users and roles cannot be permitted to call this operation: use a key of the account itself",
	},
	{
		"Forb*.RegionId UnauthorizedRegion* RegionUnauthorized* Unauthorized.EmptyRegion", Forbidden,
		"the region is not enabled for this account, and no RAM policy can permit it: exclude the region, or contact the vendor",
	},
	{
		"InvalidAction.Unauthorized ActionUnauthorized InvalidUser.NotInWhiteList UserNotInTheWhiteList", Forbidden,
		"this operation is not enabled for the account, and no RAM policy can permit it: contact the vendor",
	},
	{
		"InvalidUserData.Forbidden InvalidDiskCategory.*Unauthorized InvalidSystemDiskCategory.*Unauthorized InvalidInstanceType.*Unauthorized", Forbidden,
		"this value is not enabled for the account, and no RAM policy can permit it: contact the vendor",
	},
	{"*KMSUnauthorized", Forbidden, "ECS may not use the KMS key: authorize it in KMS"},
	{"*InvalidAccount.NotFound InvalidAccount.Forb* ChargeTypeViolation", Forbidden, "check the state of the account"},
	{"RealNameAuthenticationError", Forbidden, "the account must pass real-name authentication first"},
	{
		"InsufficientBalance* *Arrearage* *NotEnoughBalance*", Forbidden,
		"the account's balance is too low, or a payment is overdue: top up the account",
	},

	// Denials that a permission resolves.
	{"InvalidUser.*", Forbidden, ""}, // Unauthorized, PassRoleForbidden
	{"Forbidden* Forbbiden* Forbedden*", Forbidden, ""},
	{"NoPermission* NoPermisson* PermissionDenied*", Forbidden, ""},
	{"AuthenticationFail* AccessDenied* *Unauthorized*", Forbidden, ""},

	// Endpoints and regions.
	{"InvalidOperation.NotSupportedEndpoint", Invalid, "this endpoint does not serve the region: leave the endpoint empty or use the region's own"},
	{"InvalidRegionId*", Invalid, "check the region id"},
	{"InvalidRegion*", Invalid, "check the region id and the endpoint"},
	{"Invalid.RegionId *Region*.NotFound", Invalid, "check the region id"},
	{"RegionId.ApiNotSupported", Invalid, "the region does not offer this operation"},
	{"InvalidApi.NotFound", Invalid, "this endpoint does not know the operation: check its name and the endpoint"},
	{"InvalidProduct.NotFound", Invalid, "this endpoint does not serve ECS: check the endpoint"},
	{"InvalidProtocol.NeedSsl", Invalid, "use https"},

	// A value that does not exist is an invalid parameter; a resource that does not exist is not found.
	{"*ValueNotSupported *Zone*.NotFound *Type.NotFound *Status.NotFound *Reason.NotFound *FilterKey.NotFound *Language.NotFound", Invalid, ""},
	{"Credit.NotFound", 0, ""}, // of the account
	{"*.NotFound *.NotExist *NotExists* EntityNotExist* NoSuch* VpcNotFound", NotFound, ""},

	// States, quotas and limits.
	{"InvalidParam*", Invalid, ""},        // matches any suffix: a parameter may be named after a status or a limit
	{"Invalid*.ExceedLimit", Invalid, ""}, // too many values in one parameter
	{"*QuotaExceed* *LimitExceed* *ExceedLimit* *ExceedQuota*", 0, ""},
	{"Incorrect* InvalidOperation* Invalid*Status* Operation* Dependency* Idempot* Last*Processing", 0, ""},

	// Parameters.
	{"Invalid* InValid* Missing* Incomplete* *.Malformed *.MalFormed", Invalid, ""},
	{"Unsupported* NotSupported* NumberExceed* Duplicate* Parameter*", Invalid, ""},
}
