/**
 * The path under which PUBLIC_URL has us, with a slash at both ends: `/`, or `/chat/`.
 * @param publicUrl the variable, which `readConfig` has checked
 */
export function basePath (publicUrl: string | undefined): string {
  const { pathname } = new URL(publicUrl ?? 'http://localhost')
  return pathname.endsWith('/') ? pathname : `${pathname}/`
}
