-- The operations of Railway's public API that tend may use, word for word. There is no other way
-- to Railway than `railway.ask`, and it sends only these (and ServiceHttp's fields under aliases),
-- so nothing here can change a project or read the value of a variable.

-- luacheck: no max line length

return {
  Architecture = [[
query Architecture(
  $projectId: String!, $environmentId: String!
  $services: Int, $afterService: String, $volumes: Int, $afterVolume: String, $triggers: Int, $afterTrigger: String
) {
  project(id: $projectId) { id name prDeploys botPrEnvironments }
  environment(id: $environmentId, projectId: $projectId) {
    id
    name
    isEphemeral
    serviceInstances(first: $services, after: $afterService) {
      edges {
        node {
          id serviceId serviceName builder rootDirectory buildCommand startCommand dockerfilePath watchPatterns
          numReplicas cronSchedule nextCronRunAt sleepApplication healthcheckPath restartPolicyType
          source { repo image }
          latestDeployment { id status createdAt statusUpdatedAt deploymentStopped canRollback meta }
          activeDeployments { id status createdAt instances { id status } }
          domains { serviceDomains { domain } customDomains { domain } }
        }
      }
      pageInfo { hasNextPage endCursor }
    }
    volumeInstances(first: $volumes, after: $afterVolume) {
      edges { node { id volumeId serviceId mountPath currentSizeMB sizeMB state region } }
      pageInfo { hasNextPage endCursor }
    }
    deploymentTriggers(first: $triggers, after: $afterTrigger) {
      edges { node { serviceId repository branch provider } }
      pageInfo { hasNextPage endCursor }
    }
  }
}
]],

  BuildLogs = [[
query BuildLogs($deploymentId: String!, $limit: Int) {
  buildLogs(deploymentId: $deploymentId, limit: $limit) { timestamp severity message }
}
]],

  CronExecutions = [[
query CronExecutions($input: DeploymentInstanceExecutionListInput!, $first: Int) {
  deploymentInstanceExecutions(input: $input, first: $first) { edges { node { id status createdAt completedAt deploymentId } } }
}
]],

  DeploymentLogs = [[
query DeploymentLogs($deploymentId: String!, $filter: String, $limit: Int, $startDate: DateTime, $endDate: DateTime) {
  deploymentLogs(deploymentId: $deploymentId, filter: $filter, limit: $limit, startDate: $startDate, endDate: $endDate) {
    timestamp severity message attributes { key value }
  }
}
]],

  Deployments = [[
query Deployments($projectId: String!, $environmentId: String!, $serviceId: String!, $first: Int) {
  deployments(first: $first, input: { projectId: $projectId, environmentId: $environmentId, serviceId: $serviceId }) {
    edges { node { id status createdAt statusUpdatedAt meta diagnosis } }
  }
}
]],

  EnvironmentByName = [[
query EnvironmentByName($projectId: String!) {
  project(id: $projectId) { id name environments { edges { node { id name isEphemeral } } } }
}
]],

  EnvironmentLogs = [[
query EnvironmentLogs($environmentId: String!, $filter: String, $beforeLimit: Int, $beforeDate: String, $anchorDate: String) {
  environmentLogs(environmentId: $environmentId, filter: $filter, beforeLimit: $beforeLimit, beforeDate: $beforeDate, anchorDate: $anchorDate) {
    timestamp severity message attributes { key value } tags { serviceId deploymentId deploymentInstanceId }
  }
}
]],

  HttpLogs = [[
query HttpLogs($deploymentId: String!, $filter: String, $beforeLimit: Int, $beforeDate: String, $anchorDate: String, $afterDate: String, $afterLimit: Int) {
  httpLogs(deploymentId: $deploymentId, filter: $filter, beforeLimit: $beforeLimit, beforeDate: $beforeDate, anchorDate: $anchorDate, afterDate: $afterDate, afterLimit: $afterLimit) {
    timestamp requestId method path host httpStatus totalDuration upstreamRqDuration responseDetails upstreamErrors edgeRegion
  }
}
]],

  InstanceMetrics = [[
query InstanceMetrics($projectId: String!, $environmentId: String!, $serviceId: String!, $startDate: DateTime!, $endDate: DateTime!, $sampleRateSeconds: Int) {
  metrics(projectId: $projectId, environmentId: $environmentId, serviceId: $serviceId, startDate: $startDate, endDate: $endDate,
          sampleRateSeconds: $sampleRateSeconds, groupBy: [DEPLOYMENT_INSTANCE_ID],
          measurements: [CPU_USAGE, CPU_LIMIT, MEMORY_USAGE_GB, MEMORY_LIMIT_GB]) {
    measurement
    tags { deploymentInstanceId }
    values { ts value }
  }
}
]],

  PathHttp = [[
query PathHttp($serviceId: String!, $environmentId: String!, $path: String!, $startDate: DateTime!, $endDate: DateTime!, $stepSeconds: Int) {
  byStatus: httpMetricsGroupedByStatus(serviceId: $serviceId, environmentId: $environmentId, path: $path, startDate: $startDate, endDate: $endDate, stepSeconds: $stepSeconds) {
    statusCode
    samples { ts value }
  }
}
]],

  PlatformStatus = [[
query PlatformStatus { platformStatus { isStable incident { id message status url } } }
]],

  ProjectMetrics = [[
query ProjectMetrics($projectId: String!, $environmentId: String!, $startDate: DateTime!, $endDate: DateTime!, $sampleRateSeconds: Int) {
  metrics(projectId: $projectId, environmentId: $environmentId, startDate: $startDate, endDate: $endDate,
          sampleRateSeconds: $sampleRateSeconds, groupBy: [SERVICE_ID],
          measurements: [CPU_USAGE, CPU_LIMIT, MEMORY_USAGE_GB, MEMORY_LIMIT_GB, DISK_USAGE_GB, NETWORK_RX_GB, NETWORK_TX_GB]) {
    measurement
    tags { serviceId }
    values { ts value }
  }
}
]],

  ProjectToken = [[
query ProjectToken { projectToken { projectId environmentId } }
]],

  ServiceHttp = [[
query ServiceHttp($serviceId: String!, $environmentId: String!, $startDate: DateTime!, $endDate: DateTime!, $stepSeconds: Int) {
  byStatus: httpMetricsGroupedByStatus(serviceId: $serviceId, environmentId: $environmentId, startDate: $startDate, endDate: $endDate, stepSeconds: $stepSeconds) {
    statusCode
    samples { ts value }
  }
  durations: httpDurationMetrics(serviceId: $serviceId, environmentId: $environmentId, startDate: $startDate, endDate: $endDate, stepSeconds: $stepSeconds) {
    samples { ts p50 p90 p95 p99 }
  }
}
]],

  VariableNames = [[
query VariableNames($environmentId: String!, $after: String) {
  environment(id: $environmentId) {
    variables(first: 500, after: $after) { edges { node { name serviceId references } } pageInfo { hasNextPage endCursor } }
  }
}
]],
}
