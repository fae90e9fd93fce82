// A step for pipelines: put this file into a shared library as vars/floodmark.groovy. It needs curl on the agent and a
// credential of the kind "Secret text" with the id floodmark-token.
//
//   stage('Deploy') {
//     steps {
//       floodmark(service: 'payment', status: 'started', version: env.GIT_COMMIT, environment: 'prod')
//       sh './deploy.sh'
//     }
//     post {
//       always { floodmark(service: 'payment', status: currentBuild.currentResult, environment: 'prod') }
//     }
//   }
//
// Both have the id of the build, so they are one change. That Floodmark is away never fails a build.
def call(Map given) {
  def body = groovy.json.JsonOutput.toJson([
    timestamp: System.currentTimeMillis(),
    service: given.service,
    kind: given.kind ?: 'deploy',
    summary: given.summary ?: "${env.JOB_NAME} #${env.BUILD_NUMBER}".toString(),
    id: "${env.JOB_NAME}#${env.BUILD_NUMBER}".toString(),
    status: given.status,
    version: given.version ?: env.GIT_COMMIT,
    environment: given.environment,
    url: env.BUILD_URL,
    actor: given.actor ?: 'Jenkins',
  ])
  writeFile file: '.floodmark.json', text: body
  withCredentials([string(credentialsId: 'floodmark-token', variable: 'FLOODMARK_TOKEN')]) {
    sh '''
      printf 'header = "Authorization: Bearer %s"\\n' "$FLOODMARK_TOKEN" |
        curl --config - --silent --show-error --fail --max-time 20 --retry 5 --retry-all-errors \
          --header 'Content-Type: application/json' --data-binary @.floodmark.json \
          "${FLOODMARK_URL:-https://floodmark.example.org/jenkins}" || echo 'Floodmark was not told' >&2
      rm -f .floodmark.json
    '''
  }
}
