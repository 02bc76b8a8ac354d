#include "src/admin/cli/actions.h"

namespace bulkhead::admin::cli {
namespace {

Status show(CommandContext& context, const Arguments& /*arguments*/) {
  const auto status = context.api.get("/status");
  if (!status) return fail(status.error());
  context.output.object(*status);
  return {};
}

}  // namespace

Noun status_command() {
  return {"status",
          "How the node is",
          {{"", "Show version, queue, sessions, sources and store", "bulkhead status --json", {}, {}, show}}};
}

}  // namespace bulkhead::admin::cli
