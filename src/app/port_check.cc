#include "src/app/port_check.h"

#include "src/net/listener.h"

namespace bulkhead::app {

Status check_ports(const Configuration::Listen& listen) {
  for (const auto* list :
       {&listen.smtp, &listen.submission, &listen.submissions, &listen.http, &listen.https, &listen.metrics}) {
    for (const auto& endpoint : *list) {
      if (auto is_free = net::Listener::check_free(endpoint); !is_free) return is_free;
    }
  }
  return {};
}

}  // namespace bulkhead::app
