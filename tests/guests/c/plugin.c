// A plugin in C, from the contract alone: tells a third party how many overlaps
// changed, and keeps in its state how far it has read.
#include "gen/plugin.h"

#include <stdio.h>
#include <string.h>

typedef exports_venn_plugin_entry_fault_t fault_t;

static bool is(plugin_string_t text, const char *other) {
    return text.len == strlen(other) && memcmp(text.ptr, other, text.len) == 0;
}

// Ends the run with a claim; always false, for `return`.
static bool fail(fault_t *fault, const char *code, const char *cause, plugin_string_t why) {
    memset(fault, 0, sizeof *fault);
    plugin_string_dup(&fault->code, code);
    plugin_string_dup(&fault->cause, cause);
    plugin_string_dup_n(&fault->message, (const char *)why.ptr, why.len);
    return false;
}

// What `overlaps` and `state` answer when they do not answer with a value.
static bool refused(fault_t *fault, venn_plugin_types_host_error_t *error) {
    if (error->tag == VENN_PLUGIN_TYPES_HOST_ERROR_DENIED)
        return fail(fault, "not-allowed", "grant-missing", error->val.denied.why);
    return fail(fault, "unexpected", "plugin", error->val.invalid);
}

// What `http` answers then.
static bool unsent(fault_t *fault, venn_plugin_http_http_error_t *error) {
    switch (error->tag) {
    case VENN_PLUGIN_HTTP_HTTP_ERROR_DENIED:
        return fail(fault, "not-allowed", "grant-missing", error->val.denied.what);
    case VENN_PLUGIN_HTTP_HTTP_ERROR_FAILED:
        return fail(fault, "crm-down", "third-party", error->val.failed.message);
    default:
        return fail(fault, "unexpected", "plugin", error->val.invalid);
    }
}

static bool tell(const char *body, plugin_string_t operation, fault_t *fault) {
    venn_plugin_http_request_t request = {0};
    venn_plugin_http_response_t response;
    venn_plugin_http_http_error_t error;
    venn_plugin_http_header_t header;
    plugin_string_set(&header.name, "content-type");
    plugin_string_set(&header.value, "application/json");
    plugin_string_set(&request.method, "POST");
    plugin_string_set(&request.url, "https://api.hubapi.com/crm/v3/objects/tasks");
    request.headers.ptr = &header;
    request.headers.len = 1;
    request.body.ptr = (uint8_t *)body;
    request.body.len = strlen(body);
    request.connection.is_some = true;
    plugin_string_set(&request.connection.val, "crm");
    // The same delivery may come again; what goes out is then the same call.
    request.operation.is_some = true;
    request.operation.val = operation;
    if (!venn_plugin_http_send(&request, &response, &error))
        return unsent(fault, &error);
    plugin_string_t status = {0};
    char text[32];
    snprintf(text, sizeof text, "HubSpot answered %d", response.status);
    plugin_string_set(&status, text);
    if (response.status == 401)
        return fail(fault, "crm-unauthorized", "customer-config", status);
    if (response.status >= 300)
        return fail(fault, "crm-refused", "third-party", status);
    venn_plugin_http_response_free(&response);
    return true;
}

bool exports_venn_plugin_entry_handle(
    exports_venn_plugin_entry_event_t *event,
    exports_venn_plugin_entry_report_t *report,
    fault_t *fault
) {
    memset(report, 0, sizeof *report);
    // A kind that this release does not know is not an error.
    if (!is(event->kind, "overlaps-changed"))
        return true;
    plugin_string_t key, level, line, fields_text;
    plugin_string_set(&key, "cursor");
    venn_plugin_types_host_error_t error;
    plugin_option_list_u8_t kept;
    if (!venn_plugin_state_get(&event->subject, &key, &kept, &error))
        return refused(fault, &error);
    plugin_string_t cursor = {kept.val.ptr, kept.val.len};
    plugin_string_set(&fields_text, "their-name");
    plugin_list_string_t fields = {&fields_text, 1};
    venn_plugin_overlaps_change_page_t page;
    if (!venn_plugin_overlaps_changes(
            &event->subject, kept.is_some ? &cursor : NULL, &fields, 100, &page, &error))
        return refused(fault, &error);
    char text[64], body[128];
    snprintf(text, sizeof text, "%zu changes", page.items.len);
    plugin_string_set(&level, "info");
    plugin_string_set(&line, text);
    venn_plugin_log_write(&level, &line);
    snprintf(body, sizeof body,
        "{\"properties\":{\"hs_task_subject\":\"%s\",\"hs_timestamp\":\"%lld\"}}",
        text, (long long)(event->occurred_at / 1000));
    if (!tell(body, event->id, fault))
        return false;
    plugin_list_u8_t value = {page.cursor.ptr, page.cursor.len};
    if (!venn_plugin_state_set(&event->subject, &key, &value, &error))
        return refused(fault, &error);
    plugin_string_dup(&report->summary, text);
    report->done = page.items.len;
    if (page.more) {
        report->again.is_some = true;
        plugin_string_dup_n(&report->again.val, (const char *)page.cursor.ptr, page.cursor.len);
    }
    venn_plugin_overlaps_change_page_free(&page);
    plugin_option_list_u8_free(&kept);
    return true;
}

bool exports_venn_plugin_entry_check(
    exports_venn_plugin_entry_draft_t *draft,
    exports_venn_plugin_entry_list_finding_t *findings,
    fault_t *fault
) {
    (void)draft, (void)fault;
    memset(findings, 0, sizeof *findings);
    return true;
}

bool exports_venn_plugin_entry_migrate(plugin_string_t *old_version, fault_t *fault) {
    (void)old_version, (void)fault;
    return true;
}
