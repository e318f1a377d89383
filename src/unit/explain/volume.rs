//! Keys of volumes and mounts.

use super::super::keys;
use super::Table;
use super::pod::key;

pub(super) const TABLES: &[Table] = &[
    Table {
        path: "volume",
        written: "[[volume]]",
        kubernetes: "spec.volumes",
        text: "Files or a directory of a pod. One of `file`, `empty` and `host`.",
        spec: Some(&keys::VOLUME),
        keys: &[
            key! { "name" "text" "" "volumes[].name" "What mounts call it: a DNS label." },
            key! { "file" "array of tables" "" "configMap, secret" "Files that are made for each pod; see `supctl explain volume.file`." },
            key! { "empty" "true" "" "emptyDir" "An empty directory for each pod, which goes with it." },
            key! { "host" "path" "" "hostPath.path" "What stands at this path of the machine." },
            key! { "type" "one of \"any\", \"directory\", \"directory-or-create\", \"file\", \"file-or-create\", \"socket\", \"device\"" "\"any\"" "hostPath.type" "What must stand at `host`, or is made there." },
            key! { "group" "integer" "" "securityContext.fsGroup" "The group that its files belong to." },
        ],
    },
    Table {
        path: "volume.file",
        written: "[[volume.file]]",
        kubernetes: "configMap.items",
        text: "A file of a volume. One of `text`, `template` and `base64`.",
        spec: Some(&keys::VOLUME_FILE),
        keys: &[
            key! { "path" "path" "" "items[].path" "Where it stands in the volume; relative." },
            key! { "text" "text" "" "" "What is in it, as it is." },
            key! { "template" "text" "" "" "The same, with variables like ${pod} replaced." },
            key! { "base64" "text" "" "" "Its bytes, encoded." },
            key! { "mode" "octal number or text" "0o644" "items[].mode" "Its permissions." },
        ],
    },
    Table {
        path: "mount",
        written: "[[mount]]",
        kubernetes: "containers[].volumeMounts",
        text: "Where a process finds a volume of its pod.",
        spec: Some(&keys::MOUNT),
        keys: &[
            key! { "volume" "text" "" "volumeMounts[].name" "Which volume." },
            key! { "path" "path" "" "volumeMounts[].mountPath" "Where; absolute." },
            key! { "sub_path" "path" "" "volumeMounts[].subPath" "Only this part of the volume." },
            key! { "read_only" "boolean" "false" "volumeMounts[].readOnly" "Nothing is written there." },
        ],
    },
];
