package transport

// codeRules maps the API's error codes to classes and advice. Each rule has one or more patterns, separated by spaces,
// in which "*" matches any sequence of characters. The first matching rule applies. Class 0 is for codes about states,
// quotas and limits, which neither a retry nor a permission can resolve. Some patterns are misspelled because the API's
// codes are.
var codeRules = []struct {
	patterns string
	class    Class
	advice   string
}{
	{"Throttling*", Throttled, ""},
	{"DryRunOperation", 0, ""}, // this code means that a dry run succeeded

	// Service failures.
	{"InternalError* ServiceUnavailable* UnknownError RequestTimeout InnerServiceFailed NodeControllerUnavailable", transient, ""},
	{"SignatureNonceUsed", transient, ""}, // a proxy or a network device has sent the request twice

	// Problems with keys, signatures and the local clock.
	{"InvalidTimeStamp.Expired IllegalTimestamp", Credentials | skew, "set this machine's clock"},
	{"InvalidTimeStamp*", Credentials, ""},
	{"InvalidSecurityToken.MismatchWithAccessKey", Credentials | renewKey, "the security token belongs to another access key: set the id, secret and token of the same key"},
	{"InvalidSecurityToken*", Credentials | renewKey, "get new temporary credentials"},
	{"MissingSecurityToken", Credentials | renewKey, "a temporary access key requires its security token: set both"},
	{"InvalidAccessKeyId.Inactive Forbidden.AccessKeyDisabled", Credentials | renewKey, "the access key is disabled: enable it, or use another access key"},
	{"InvalidAccessKeyId*", Credentials | renewKey, "check the access key id: it is unknown or disabled"},
	{"MissingAccessKeyId", Credentials, "the request reached the API without its access key id: check the proxies"},
	{"SignatureDoesNotMatch IncompleteSignature", Credentials, "check the access key secret"},

	// Denials that no RAM policy can resolve.
	{"Forbidden.RiskControl", Forbidden, "the account is under risk control: contact Alibaba Cloud support"},
	{
		"Forb*.NotSupportRAM Forb*.SubUser", Forbidden,
		"RAM users and roles cannot be permitted to call this operation: use an access key of the account itself",
	},
	{
		"Forb*.RegionId UnauthorizedRegion* RegionUnauthorized* Unauthorized.EmptyRegion", Forbidden,
		"the region is not enabled for this account, and no RAM policy can permit it: exclude the region, or contact Alibaba Cloud support",
	},
	{
		"InvalidAction.Unauthorized ActionUnauthorized InvalidUser.NotInWhiteList UserNotInTheWhiteList", Forbidden,
		"this operation is not enabled for the account, and no RAM policy can permit it: contact Alibaba Cloud support",
	},
	{
		"InvalidUserData.Forbidden InvalidDiskCategory.*Unauthorized InvalidSystemDiskCategory.*Unauthorized InvalidInstanceType.*Unauthorized", Forbidden,
		"this value is not enabled for the account, and no RAM policy can permit it: contact Alibaba Cloud support",
	},
	{"*KMSUnauthorized", Forbidden, "ECS is not permitted to use the KMS key: authorize ECS in KMS"},
	{"*InvalidAccount.NotFound InvalidAccount.Forb* ChargeTypeViolation", Forbidden, "check the state of the account"},
	{"RealNameAuthenticationError", Forbidden, "the account must pass real-name authentication first"},
	{
		"InsufficientBalance* *Arrearage* *NotEnoughBalance*", Forbidden,
		"the account's balance is too low, or a payment is overdue: top up the account",
	},

	// Denials that a RAM policy can resolve.
	{"InvalidUser.*", Forbidden, ""}, // such as InvalidUser.Unauthorized and InvalidUser.PassRoleForbidden
	{"Forbidden* Forbbiden* Forbedden*", Forbidden, ""},
	{"NoPermission* NoPermisson* PermissionDenied*", Forbidden, ""},
	{"AuthenticationFail* AccessDenied* *Unauthorized*", Forbidden, ""},

	// Wrong endpoints and regions.
	{"InvalidOperation.NotSupportedEndpoint", Invalid, "this endpoint does not serve the region: leave the endpoint empty, or use the endpoint of the region"},
	{"InvalidRegionId*", Invalid, "check the region id"},
	{"InvalidRegion*", Invalid, "check the region id and the endpoint"},
	{"Invalid.RegionId *Region*.NotFound", Invalid, "check the region id"},
	{"RegionId.ApiNotSupported", Invalid, "the region does not offer this operation"},
	{"InvalidApi.NotFound", Invalid, "this endpoint does not support the operation: check the operation name and the endpoint"},
	{"InvalidProduct.NotFound", Invalid, "this endpoint does not serve ECS: check the endpoint"},
	{"InvalidProtocol.NeedSsl", Invalid, "the API requires HTTPS: use an https endpoint"},

	// The codes in the first line mean that a parameter has an unknown value, although most of them end in NotFound. The
	// codes in the last line mean that a resource does not exist.
	{"*ValueNotSupported *Zone*.NotFound *Type.NotFound *Status.NotFound *Reason.NotFound *FilterKey.NotFound *Language.NotFound", Invalid, ""},
	{"Credit.NotFound", 0, ""}, // this code is about an account's credit, which is not a resource
	{"*.NotFound *.NotExist *NotExists* EntityNotExist* NoSuch* VpcNotFound", NotFound, ""},

	// Errors caused by the state of a resource, a quota or a limit.
	{"InvalidParam*", Invalid, ""},        // must precede the rules for statuses and limits
	{"Invalid*.ExceedLimit", Invalid, ""}, // too many values in one parameter
	{"*QuotaExceed* *LimitExceed* *ExceedLimit* *ExceedQuota*", 0, ""},
	{"Incorrect* InvalidOperation* Invalid*Status* Operation* Dependency* Idempot* Last*Processing", 0, ""},

	// Invalid parameters.
	{"Invalid* InValid* Missing* Incomplete* *.Malformed *.MalFormed", Invalid, ""},
	{"Unsupported* NotSupported* NumberExceed* Duplicate* Parameter*", Invalid, ""},
}
