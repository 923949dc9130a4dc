"""The fields of Application, ApplicationSet and AppProject, one entry for each type, in the notation of `schema`.

Source: Argo CD 3.6.1 `pkg/apis/application/v1alpha1/{types,applicationset_types,app_project_types}.go`.
"""

from __future__ import annotations

APPLICATION = """
Application = apiVersion kind metadata!:object operation:Operation spec!:ApplicationSpec status:ApplicationStatus
Operation = info:[]Info initiatedBy:OperationInitiator retry:RetryStrategy sync:SyncOperation
Info = name! value!
OperationInitiator = automated:bool username
RetryStrategy = backoff:Backoff limit:int refresh:bool
Backoff = duration factor:int maxDuration
SyncOperation = autoHealAttemptsCount:int dryRun:bool manifests:[]string prune:bool resources:[]SyncOperationResource
  revision revisions:[]string source:ApplicationSource sources:[]ApplicationSource syncOptions:[]string
  syncStrategy:SyncStrategy
SyncOperationResource = group kind! name! namespace
ApplicationSource = chart directory:DirectorySource helm:HelmSource kustomize:KustomizeSource name path
  plugin:PluginSource ref repoURL! tagPrefix targetRevision
DirectorySource = disableExtensionFilter:bool exclude include jsonnet:Jsonnet recurse:bool
Jsonnet = extVars:[]JsonnetVariable libs:[]string tlas:[]JsonnetVariable
JsonnetVariable = code:bool name! value!
HelmSource = apiVersions:[]string fileParameters:[]HelmFileParameter ignoreMissingValueFiles:bool kubeVersion
  namespace parameters:[]HelmParameter passCredentials:bool releaseName skipCrds:bool skipSchemaValidation:bool
  skipTests:bool valueFiles:[]string values valuesObject:json version
HelmFileParameter = name path
HelmParameter = forceString:bool name value
KustomizeSource = apiVersions:[]string commonAnnotations:{}string commonAnnotationsEnvsubst:bool commonLabels:{}string
  components:[]string forceCommonAnnotations:bool forceCommonLabels:bool ignoreMissingComponents:bool images:[]string
  kubeVersion labelIncludeTemplates:bool labelWithoutSelector:bool namePrefix nameSuffix namespace
  patches:[]KustomizePatch replicas:[]KustomizeReplica version
KustomizePatch = options:{}bool patch path target:KustomizeSelector
KustomizeSelector = annotationSelector group kind labelSelector name namespace version
KustomizeReplica = count!:intOrString name!
PluginSource = env:[]Info name parameters:[]PluginParameter
PluginParameter = array:[]string map:{}string name string
SyncStrategy = apply:SyncStrategyHow hook:SyncStrategyHow
SyncStrategyHow = force:bool
ApplicationSpec = destination!:Destination ignoreDifferences:[]IgnoreDifferences info:[]Info project!
  revisionHistoryLimit:int source:ApplicationSource sourceHydrator:SourceHydrator sources:[]ApplicationSource
  syncPolicy:SyncPolicy
Destination = name namespace server
IgnoreDifferences = group jqPathExpressions:[]string jsonPointers:[]string kind! managedFieldsManagers:[]string name
  namespace
SourceHydrator = drySource!:DrySource hydrateTo:HydrateTo syncSource!:SyncSource
DrySource = directory:DirectorySource helm:HelmSource kustomize:KustomizeSource path! plugin:PluginSource repoURL!
  targetRevision!
HydrateTo = targetBranch!
SyncSource = path!:syncPath repoURL targetBranch!
SyncPolicy = automated:AutomatedSync managedNamespaceMetadata:NamespaceMetadata retry:RetryStrategy
  syncOptions:[]string
AutomatedSync = allowEmpty:bool enabled:bool prune:bool selfHeal:bool
NamespaceMetadata = annotations:{}string labels:{}string
ApplicationStatus = conditions:[]ApplicationCondition controllerNamespace health:Health history:[]RevisionHistory
  observedAt:time operationState:OperationState reconciledAt:time resourceHealthSource resources:[]ResourceStatus
  sourceHydrator:HydratorStatus sourceType sourceTypes:[]string summary:ApplicationSummary sync:SyncStatus
ApplicationCondition = lastTransitionTime:time message! type!
Health = lastTransitionTime:time message status
RevisionHistory = deployStartedAt:time deployedAt!:time id!:int initiatedBy:OperationInitiator revision
  revisions:[]string source:ApplicationSource sources:[]ApplicationSource
OperationState = finishedAt:time message operation!:Operation phase! retryCount:int startedAt!:time
  syncResult:SyncResult
SyncResult = managedNamespaceMetadata:NamespaceMetadata resources:[]ResourceResult revision! revisions:[]string
  source:ApplicationSource sources:[]ApplicationSource
ResourceResult = group! hookPhase hookType images:[]string kind! message name! namespace! status syncPhase version!
ResourceStatus = group health:Health hook:bool kind name namespace requiresDeletionConfirmation:bool
  requiresPruning:bool status syncWave:int version
HydratorStatus = currentOperation:HydrateOperation lastComparedDryRevision lastSuccessfulOperation:HydratedOperation
HydrateOperation = drySHA finishedAt:time hydratedSHA message! phase!:hydratePhase sourceHydrator:SourceHydrator
  startedAt:time
HydratedOperation = drySHA hydratedSHA sourceHydrator:SourceHydrator
ApplicationSummary = externalURLs:[]string images:[]string isAppOfApps:bool
SyncStatus = comparedTo:ComparedTo revision revisions:[]string status!
ComparedTo = destination!:Destination ignoreDifferences:[]IgnoreDifferences source:ApplicationSource
  sources:[]ApplicationSource
"""

APPLICATION_SET = """
ApplicationSet = apiVersion kind metadata!:object spec!:ApplicationSetSpec status:ApplicationSetStatus
ApplicationSetSpec = applyNestedSelectors:bool generators!:[]Generator goTemplate:bool goTemplateOptions:[]string
  ignoreApplicationDifferences:[]IgnoreApplicationDifferences preservedFields:PreservedFields strategy:Strategy
  syncPolicy:ApplicationSetSyncPolicy template!:Template templatePatch
Generator = clusterDecisionResource:ClusterDecisionResource clusters:Clusters git:Git list:List matrix:Matrix
  merge:Merge oci:Git plugin:Plugin pullRequest:PullRequest scmProvider:ScmProvider selector:LabelSelector
ClusterDecisionResource = configMapRef! labelSelector:LabelSelector name requeueAfterSeconds:int template:Template
  values:{}string
LabelSelector (atomic) = matchExpressions:[=]LabelRequirement matchLabels:{}string
LabelRequirement = key! operator! values:[=]string
Template = metadata!:TemplateMetadata spec!:ApplicationSpec
TemplateMetadata = annotations:{}string finalizers:[]string labels:{}string name namespace
Clusters = flatList:bool selector:LabelSelector template:Template values:{}string
Git = directories:[]GitFile files:[]GitFile pathParamPrefix repoURL! requeueAfterSeconds:int revision!
  template:Template values:{}string
GitFile = exclude:bool path!
List = elements:[]any elementsYaml template:Template
Matrix = generators!:[]NestedGenerator template:Template
NestedGenerator = clusterDecisionResource:ClusterDecisionResource clusters:Clusters git:Git list:List matrix:any
  merge:any oci:Git plugin:Plugin pullRequest:PullRequest scmProvider:ScmProvider selector:LabelSelector
Plugin = configMapRef!:PluginConfigMap input:PluginInput requeueAfterSeconds:int template:Template values:{}string
PluginConfigMap = name!
PluginInput = parameters:{}any
PullRequest = azuredevops:PullRequestAzureDevOps bitbucket:PullRequestBitbucket
  bitbucketServer:PullRequestBitbucketServer continueOnRepoNotFoundError:bool filters:[]PullRequestFilter
  gitea:PullRequestGitea github:PullRequestGitHub gitlab:PullRequestGitLab requeueAfterSeconds:int template:Template
  values:{}string
PullRequestAzureDevOps = api labels:[]string organization! project! repo! tokenRef:SecretKey
SecretKey = key! secretName!
PullRequestBitbucket = api basicAuth:BasicAuth bearerToken:BearerToken owner! repo!
BasicAuth = passwordRef!:SecretKey username!
BearerToken = tokenRef!:SecretKey
PullRequestBitbucketServer = api! basicAuth:BasicAuth bearerToken:BearerToken caRef:ConfigMapKey insecure:bool
  project! repo!
ConfigMapKey = configMapName! key!
PullRequestFilter = branchMatch targetBranchMatch titleMatch
PullRequestGitea = api! insecure:bool labels:[]string owner! repo! tokenRef:SecretKey
PullRequestGitHub = api appSecretName labels:[]string owner! repo! tokenRef:SecretKey
PullRequestGitLab = api caRef:ConfigMapKey insecure:bool labels:[]string project! pullRequestState tokenRef:SecretKey
ScmProvider = awsCodeCommit:ScmCodeCommit azureDevOps:ScmAzureDevOps bitbucket:ScmBitbucket
  bitbucketServer:ScmBitbucketServer cloneProtocol filters:[]ScmFilter gitea:ScmGitea github:ScmGitHub
  gitlab:ScmGitLab requeueAfterSeconds:int template:Template values:{}string
ScmCodeCommit = allBranches:bool region role tagFilters:[]ScmTag
ScmTag = key! value
ScmAzureDevOps = accessTokenRef!:SecretKey allBranches:bool api organization! teamProject!
ScmBitbucket = allBranches:bool appPasswordRef!:SecretKey owner! user!
ScmBitbucketServer = allBranches:bool api! basicAuth:BasicAuth bearerToken:BearerToken caRef:ConfigMapKey
  insecure:bool project!
ScmFilter = branchMatch labelMatch pathsDoNotExist:[]string pathsExist:[]string repositoryMatch
ScmGitea = allBranches:bool api! excludeArchivedRepos:bool insecure:bool owner! tokenRef:SecretKey
ScmGitHub = allBranches:bool api appSecretName excludeArchivedRepos:bool organization! tokenRef:SecretKey
ScmGitLab = allBranches:bool api caRef:ConfigMapKey group! includeArchivedRepos:bool includeSharedProjects:bool
  includeSubgroups:bool insecure:bool tokenRef:SecretKey topic
Merge = generators!:[]NestedGenerator mergeKeys!:[]string template:Template
IgnoreApplicationDifferences = jqPathExpressions:[]string jsonPointers:[]string name
PreservedFields = annotations:[]string labels:[]string
Strategy = deletionOrder rollingSync:RollingSync type
RollingSync = steps:[]RollingSyncStep
RollingSyncStep = matchExpressions:[]StepRequirement maxUpdate:intOrString
StepRequirement = key operator values:[]string
ApplicationSetSyncPolicy = applicationsSync:applicationsSync preserveResourcesOnDeletion:bool
ApplicationSetStatus = applicationStatus:[]StepStatus conditions:[]ApplicationSetCondition health:Health
  resources:[]ResourceStatus resourcesCount:int
StepStatus = application! lastTransitionTime:time message! status! step! targetRevisions!:[]string
ApplicationSetCondition = lastTransitionTime:time message! reason! status! type!
"""

PROJECT = """
AppProject = apiVersion kind metadata!:object spec!:ProjectSpec status:ProjectStatus
ProjectSpec = clusterResourceBlacklist:[]ClusterResource clusterResourceWhitelist:[]ClusterResource
  description:shortText destinationServiceAccounts:[]DestinationServiceAccount destinations:[]Destination
  namespaceResourceBlacklist:[]GroupKind namespaceResourceWhitelist:[]GroupKind orphanedResources:OrphanedResources
  permitOnlyProjectScopedClusters:bool roles:[]ProjectRole signatureKeys:[]SignatureKey
  sourceIntegrity:SourceIntegrity sourceNamespaces:[]string sourceRepos:[]string syncWindows:[]SyncWindow
ClusterResource = group! kind! name
DestinationServiceAccount = defaultServiceAccount! namespace server!
GroupKind = group! kind!
OrphanedResources = ignore:[]OrphanedResource warn:bool
OrphanedResource = group kind name
ProjectRole = description groups:[]string jwtTokens:[]Token name! policies:[]string
Token = exp:int iat!:int id
SignatureKey = keyID!
SourceIntegrity = git!:SourceIntegrityGit
SourceIntegrityGit = policies!:[]SourceIntegrityPolicy
SourceIntegrityPolicy = gpg!:SourceIntegrityGpg repos!:[]RepositoryUrl
SourceIntegrityGpg = keys!:[]string mode!
RepositoryUrl = url!
SyncWindow = andOperator:bool applications:[]string clusters:[]string description duration kind manualSync:bool
  namespaces:[]string schedule syncOverrun:bool timeZone
ProjectStatus = jwtTokensByRole:{}TokensOfRole
TokensOfRole = items:[]Token
"""
