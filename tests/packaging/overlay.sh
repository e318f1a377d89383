# For scripts in a mount namespace of their own: makes a copy of this system, $root, that ends with them.
mount --make-rprivate /
place=$(mktemp -d)
mount -t tmpfs -o mode=755 tmpfs "$place"
mkdir "$place"/{upper,work,root}
mount -t overlay -o "lowerdir=/,upperdir=$place/upper,workdir=$place/work" overlay "$place/root" || {
    echo "SKIPPED: no overlay of this system"
    exit 0
}
root=$place/root
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
mount -t tmpfs tmpfs "$root/run"
mount -t tmpfs tmpfs "$root/tmp"
